
include contrib/bench/local.mk
