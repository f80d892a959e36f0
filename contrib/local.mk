include contrib/lint/local.mk
include contrib/bench/local.mk
include contrib/man/local.mk
