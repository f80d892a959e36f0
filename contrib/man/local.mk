dist_man_MANS += \
	contrib/man/callbackd.8 \
	contrib/man/callbackd.yaml.5 \
	contrib/man/callbackd-rules.5
