# The real daemon against the simulator. Each file prints TAP; they run side by side.
functional_tests = \
	tests/functional/test_admin.py \
	tests/functional/test_backdoor.py \
	tests/functional/test_beside.py \
	tests/functional/test_confine.py \
	tests/functional/test_cover.py \
	tests/functional/test_failover.py \
	tests/functional/test_faults.py \
	tests/functional/test_flows.py \
	tests/functional/test_forget.py \
	tests/functional/test_frontdoor.py \
	tests/functional/test_generic.py \
	tests/functional/test_hubspot.py \
	tests/functional/test_idle.py \
	tests/functional/test_intercom.py \
	tests/functional/test_language.py \
	tests/functional/test_lookups.py \
	tests/functional/test_main_job.py \
	tests/functional/test_operations.py \
	tests/functional/test_pacing.py \
	tests/functional/test_nodes.py \
	tests/functional/test_pgsql.py \
	tests/functional/test_pictures.py \
	tests/functional/test_polls.py \
	tests/functional/test_rules.py \
	tests/functional/test_secrets.py \
	tests/functional/test_sending.py \
	tests/functional/test_stop.py \
	tests/functional/test_store.py \
	tests/functional/test_tools.py \
	tests/functional/test_ugly_tls.py
if HAVE_PYTHON
TESTS += $(functional_tests)
endif
EXTRA_DIST += $(functional_tests) tests/functional/harness.py tests/functional/faultkit.py \
	tests/flows/00-language.yaml tests/flows/00-language.test.yaml tests/flows/01-orders.yaml tests/flows/01-orders.test.yaml tests/flows/02-returns.yaml tests/flows/03-hours.yaml \
	tests/flows/03-hours.test.yaml tests/flows/06-handover.yaml tests/pictures/thirty.yaml
