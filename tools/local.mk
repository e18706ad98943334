# Commands.
EXTRA_DIST += %D%/build %D%/build-deb %D%/format-check %D%/install-deps %D%/lint

format:
	$(srcdir)/%D%/format-check
lint:
	$(srcdir)/%D%/lint $(builddir)
.PHONY: format lint

# libevent-aio
bin_PROGRAMS = %D%/libevent-aio
noinst_HEADERS += %D%/closure.h %D%/elf.h %D%/libdir.h %D%/program.h %D%/run.h
%C%_libevent_aio_SOURCES = %D%/libevent-aio.c %D%/run.c %D%/program.c \
	%D%/libdir.c %D%/closure.c %D%/elf.c
%C%_libevent_aio_CPPFLAGS = -include config.h -I$(top_srcdir) \
	-I$(top_builddir) -DBINDIR='"$(bindir)"' -DLIBDIR='"$(pkglibdir)"'
%C%_libevent_aio_LDADD = -ldl
dist_man_MANS += man/libevent-aio.1
