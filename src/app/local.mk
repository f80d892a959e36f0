src_libapp_a_CFLAGS = $(AM_CFLAGS) $(JSON_CFLAGS)
src_libapp_a_SOURCES = \
	src/app/adminpages.c src/app/adminpages.h \
	src/app/against.c src/app/against.h \
	src/app/answers.c src/app/answers.h \
	src/app/breaker.c src/app/breaker.h \
	src/app/cache.c src/app/cache.h \
	src/app/cmd.h \
	src/app/cmd_chat.c src/app/cmd_chat.h \
	src/app/cmd_chat_save.c \
	src/app/cmd_chat_show.c \
	src/app/cmd_chat_turns.c \
	src/app/cmd_check.c \
	src/app/cmd_explain.c \
	src/app/cmd_forget.c \
	src/app/cmd_graph.c \
	src/app/cmd_queue.c \
	src/app/cmd_serve.c \
	src/app/cmd_test.c src/app/cmd_test.h \
	src/app/cmd_test_mutate.c \
	src/app/cmd_try.c \
	src/app/cmdline.c src/app/cmdline.h \
	src/app/configfile.c src/app/configfile.h \
	src/app/confine.c src/app/confine.h \
	src/app/coverage.c src/app/coverage.h \
	src/app/daemon.c src/app/daemon.h \
	src/app/engine.c src/app/engine.h \
	src/app/engine_batch.c \
	src/app/engine_generation.c \
	src/app/engine_state.c src/app/engine_state.h \
	src/app/frontdoor.c src/app/frontdoor.h \
	src/app/generation.c src/app/generation.h \
	src/app/health.c src/app/health.h \
	src/app/live.c src/app/live.h \
	src/app/loopguard.c src/app/loopguard.h \
	src/app/mail.c src/app/mail.h \
	src/app/metrics.c src/app/metrics.h \
	src/app/notify.c src/app/notify.h \
	src/app/outbound.c src/app/outbound.h \
	src/app/play.c src/app/play.h \
	src/app/reloader.c src/app/reloader.h \
	src/app/rulefiles.c src/app/rulefiles.h \
	src/app/sandbox.c src/app/sandbox.h \
	src/app/schedule.c src/app/schedule.h \
	src/app/secrets.c src/app/secrets.h \
	src/app/show.c src/app/show.h \
	src/app/stage_accept.c \
	src/app/stage_doubts.c \
	src/app/stage_extract.c \
	src/app/stage_fetch.c \
	src/app/stage_guard.c \
	src/app/stage_inbox.c \
	src/app/stage_lookup.c \
	src/app/stage_poll.c \
	src/app/stage_match.c \
	src/app/stage_node.c \
	src/app/stage_run.c src/app/stage_run.h \
	src/app/stage_send.c \
	src/app/stage_settle.c \
	src/app/stage_upkeep.c \
	src/app/talk.c src/app/talk.h \
	src/app/told.c src/app/told.h
