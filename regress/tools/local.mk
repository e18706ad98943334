# The command libevent-aio.
EXTRA_DIST += %D%/t_run
TESTS += %D%/t_run

if HAVE_CMOCKA
check_PROGRAMS += %D%/t_elf
TESTS += %D%/t_elf
%C%_t_elf_SOURCES = %D%/t_elf.c tools/elf.c tools/closure.c
%C%_t_elf_CPPFLAGS = -include config.h -I$(top_srcdir) -I$(top_builddir) \
	$(CMOCKA_CFLAGS)
%C%_t_elf_LDADD = $(CMOCKA_LIBS)
endif
