libcompat_extra_sources += \
	%D%/client.c \
	%D%/hook.c \
	%D%/pool.c \
	%D%/rpc.h \
	%D%/server.c \
	%D%/tag.c \
	%D%/wire.c \
	%D%/wire.h
