import sys

from bench.refine import main

main(tuple(sys.argv[1:]) or ("promotions", "pictures", "text"))
