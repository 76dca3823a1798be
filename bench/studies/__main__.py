import sys

from bench.studies import PARTS, main

main(tuple(sys.argv[1:]) or PARTS)
