# Unit tests of compat/rpc/, linked as those of compat/http/ are.
if HAVE_CMOCKA
noinst_HEADERS += %D%/note.h %D%/world.h

rpc_tests = %D%/t_hooks %D%/t_rpc %D%/t_tag
check_PROGRAMS += $(rpc_tests)
TESTS += $(rpc_tests)

%C%_t_hooks_SOURCES = %D%/t_hooks.c %D%/note.c regress/unit/http/peer.c
%C%_t_hooks_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_hooks_LDADD = $(http_libs)
%C%_t_rpc_SOURCES = %D%/t_rpc.c %D%/note.c regress/unit/http/peer.c
%C%_t_rpc_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_rpc_LDADD = $(http_libs)
%C%_t_tag_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_tag_LDADD = $(http_libs)
endif
