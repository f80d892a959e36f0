# Holds README and the man pages against the program: examples are run, keys compared with the tables. Prints TAP.

if HAVE_PYTHON
TESTS += tests/docs/test_docs.py
endif
EXTRA_DIST += \
	tests/docs/test_docs.py \
	contrib/HACKING \
	contrib/examples/callbackd.yaml \
	contrib/examples/flows.yaml \
	contrib/examples/rules/shop.yaml \
	contrib/systemd/callbackd.service
