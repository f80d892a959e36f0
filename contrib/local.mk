
include contrib/lint/local.mk
