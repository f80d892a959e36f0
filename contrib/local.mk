
include contrib/lint/local.mk
include contrib/bench/local.mk
