# Flows to start from; their test cases stand beside them. They are one ruleset.
EXTRA_DIST += \
	rules/10-orders.yaml rules/10-orders.test.yaml \
	rules/20-returns.yaml rules/20-returns.test.yaml \
	rules/30-hours.yaml rules/30-hours.test.yaml \
	rules/40-handover.yaml rules/40-handover.test.yaml \
	rules/50-menu.yaml rules/50-menu.test.yaml
