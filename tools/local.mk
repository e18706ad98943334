# Commands.
EXTRA_DIST += %D%/build %D%/build-deb %D%/format-check %D%/install-deps %D%/lint

format:
	$(srcdir)/%D%/format-check
lint:
	$(srcdir)/%D%/lint $(builddir)
.PHONY: format lint

# libevent-aio
bin_PROGRAMS = %D%/libevent-aio
noinst_HEADERS += %D%/child.h %D%/closure.h %D%/elf.h %D%/json.h \
	%D%/ldcache.h %D%/libdir.h %D%/maps.h %D%/ours.h %D%/program.h \
	%D%/run.h %D%/selftest.h %D%/switch.h %D%/system.h
%C%_libevent_aio_SOURCES = %D%/libevent-aio.c %D%/run.c %D%/program.c \
	%D%/libdir.c %D%/closure.c %D%/elf.c %D%/ldcache.c %D%/ours.c \
	%D%/child.c %D%/json.c %D%/maps.c %D%/selftest.c %D%/switch.c \
	%D%/system.c
%C%_libevent_aio_CPPFLAGS = -include config.h -I$(top_srcdir) \
	-I$(top_srcdir)/compat/include -I$(top_builddir) $(LIBEVENT_CFLAGS) \
	-DBINDIR='"$(bindir)"' -DLIBDIR='"$(pkglibdir)"'
%C%_libevent_aio_LDADD = -ldl -lpthread
dist_man_MANS += man/libevent-aio.1
