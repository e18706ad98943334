# The command libevent-aio.
EXTRA_DIST += %D%/diagnose.sh %D%/lib.sh %D%/sandbox.c %D%/screen.py %D%/ticker.c \
	%D%/t_completion %D%/t_doctor %D%/t_doctor_target %D%/t_man %D%/t_run %D%/t_stats %D%/t_system
TESTS += %D%/t_completion %D%/t_doctor %D%/t_doctor_target %D%/t_man %D%/t_run %D%/t_stats %D%/t_system

if HAVE_CMOCKA
check_PROGRAMS += %D%/t_child %D%/t_elf %D%/t_json
TESTS += %D%/t_child %D%/t_elf %D%/t_json
%C%_t_elf_SOURCES = %D%/t_elf.c tools/bytes.c tools/elf.c tools/closure.c tools/ldcache.c \
	tools/ours.c
%C%_t_elf_CPPFLAGS = -include config.h -I$(top_srcdir) -I$(top_builddir) \
	$(CMOCKA_CFLAGS)
%C%_t_elf_LDADD = $(CMOCKA_LIBS)
%C%_t_elf_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=memmem
%C%_t_child_SOURCES = %D%/t_child.c tools/child.c
%C%_t_child_CPPFLAGS = $(%C%_t_elf_CPPFLAGS)
%C%_t_child_LDADD = $(CMOCKA_LIBS)
%C%_t_json_SOURCES = %D%/t_json.c tools/json.c
%C%_t_json_CPPFLAGS = $(%C%_t_elf_CPPFLAGS)
%C%_t_json_LDADD = $(CMOCKA_LIBS)
endif
