noinst_HEADERS += %D%/buffer.h %D%/chain.h
libcompat_core_la_SOURCES += %D%/buffer.c %D%/chain.c %D%/edit.c %D%/file.c \
	%D%/format.c %D%/io.c %D%/move.c %D%/notify.c %D%/readln.c \
	%D%/reserve.c %D%/search.c
