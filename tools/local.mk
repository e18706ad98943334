# Commands.
EXTRA_DIST += %D%/build %D%/completion.bash %D%/build-deb %D%/format-check %D%/install-deps %D%/lint

format:
	$(srcdir)/%D%/format-check
lint:
	$(srcdir)/%D%/lint $(builddir)
.PHONY: format lint

# libevent-aio
bin_PROGRAMS = %D%/libevent-aio
noinst_HEADERS += %D%/bytes.h %D%/child.h %D%/closure.h %D%/doctor.h %D%/elf.h %D%/json.h \
	%D%/ldcache.h %D%/libdir.h %D%/maps.h %D%/ours.h %D%/program.h \
	%D%/run.h %D%/selftest.h %D%/selftest_api.h %D%/stats.h %D%/stats_file.h \
	%D%/stats_show.h %D%/switch.h %D%/system.h
%C%_libevent_aio_SOURCES = %D%/libevent-aio.c %D%/run.c %D%/program.c \
	%D%/bytes.c %D%/libdir.c %D%/closure.c %D%/elf.c %D%/ldcache.c %D%/ours.c \
	%D%/child.c %D%/doctor.c %D%/doctor_host.c %D%/doctor_target.c \
	%D%/json.c %D%/maps.c %D%/selftest.c %D%/selftest_loop.c %D%/stats.c %D%/stats_file.c \
	%D%/stats_list.c %D%/stats_screen.c %D%/stats_show.c %D%/switch.c %D%/system.c \
	compat/loop/live_id.c
%C%_libevent_aio_CPPFLAGS = -include config.h -I$(top_srcdir) \
	-I$(top_srcdir)/compat/include -I$(top_builddir) $(LIBEVENT_CFLAGS) \
	-DBINDIR='"$(bindir)"' -DLIBDIR='"$(pkglibdir)"'
%C%_libevent_aio_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_libevent_aio_LDFLAGS = $(AM_LDFLAGS) $(AIO_HARDEN_LDFLAGS) -pie
# Linked again when the flags above change.
EXTRA_%C%_libevent_aio_DEPENDENCIES = %D%/local.mk
%C%_libevent_aio_LDADD = libaio_kernel.la -ldl -lpthread

# The libraries are gone: nothing may be directed to them any more.
uninstall-hook:
	@f=/etc/ld.so.conf.d/00-libevent-aio.conf; \
	if [ -z "$(DESTDIR)" ] && grep -qxF "$(pkglibdir)" $$f 2>/dev/null; then \
		echo "the system is switched off libevent-aio"; \
		rm -f $$f && /sbin/ldconfig; \
	fi

dist_man_MANS += man/libevent-aio.1 man/libevent-aio.7 man/event_base_aio.3

# bash looks there for the completion of the command of that name.
completiondir = $(datadir)/bash-completion/completions
nodist_completion_DATA = %D%/completions/libevent-aio
CLEANFILES += $(nodist_completion_DATA)
%D%/completions/libevent-aio: %D%/completion.bash
	$(AM_V_GEN)$(MKDIR_P) %D%/completions && cp $< $@
