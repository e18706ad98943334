# Common to all: bevtest.c.
if HAVE_CMOCKA
bev_tests = %D%/t_connect %D%/t_filter %D%/t_kind %D%/t_limit \
	%D%/t_pair %D%/t_sock %D%/t_sock_read %D%/t_sock_write \
	%D%/t_threads
check_PROGRAMS += $(bev_tests)
TESTS += $(bev_tests)

%C%_t_connect_SOURCES = %D%/t_connect.c %D%/bevtest.c %D%/bevtest.h
%C%_t_connect_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_connect_LDADD = $(UNIT_LIBS)
%C%_t_filter_SOURCES = %D%/t_filter.c %D%/bevtest.c %D%/bevtest.h
%C%_t_filter_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_filter_LDADD = $(UNIT_LIBS)
%C%_t_kind_SOURCES = %D%/t_kind.c %D%/bevtest.c %D%/bevtest.h
%C%_t_kind_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_kind_LDADD = $(UNIT_LIBS)
%C%_t_limit_SOURCES = %D%/t_limit.c %D%/bevtest.c %D%/bevtest.h
%C%_t_limit_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_limit_LDADD = $(UNIT_LIBS)
%C%_t_pair_SOURCES = %D%/t_pair.c %D%/bevtest.c %D%/bevtest.h
%C%_t_pair_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_pair_LDADD = $(UNIT_LIBS)
%C%_t_sock_SOURCES = %D%/t_sock.c %D%/bevtest.c %D%/bevtest.h
%C%_t_sock_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_sock_LDADD = $(UNIT_LIBS)
%C%_t_sock_read_SOURCES = %D%/t_sock_read.c %D%/bevtest.c %D%/bevtest.h
%C%_t_sock_read_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_sock_read_LDADD = $(UNIT_LIBS)
%C%_t_sock_write_SOURCES = %D%/t_sock_write.c %D%/bevtest.c %D%/bevtest.h
%C%_t_sock_write_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_sock_write_LDADD = $(UNIT_LIBS)
%C%_t_threads_SOURCES = %D%/t_threads.c %D%/bevtest.c %D%/bevtest.h
%C%_t_threads_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_threads_LDADD = $(UNIT_LIBS)
endif
