include contrib/lint/local.mk
include contrib/bench/local.mk
include contrib/torture/local.mk
EXTRA_DIST += contrib/demo contrib/demo.py contrib/check contrib/lib/setup.sh contrib/lib/callbackd-valgrind .ci/run
include contrib/man/local.mk
