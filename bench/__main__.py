"""`python -m bench` runs every benchmark, one after the other."""

from bench import evidence, exports, first_token, history, ranking, startup, steering, studies, table
from bench.engine.__main__ import main as engine
from bench.load.__main__ import keep_all as load

startup.main()
first_token.main()
ranking.main()
evidence.main()
studies.main()
steering.main()
history.main()
exports.main()
engine()
load()
table.main()
