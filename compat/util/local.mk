noinst_HEADERS += %D%/addr.h %D%/lock.h %D%/log.h %D%/mem.h %D%/rand.h \
	%D%/resolve.h %D%/socket.h %D%/str.h %D%/time.h
libcompat_core_la_SOURCES +=
