libcompat_extra_sources += \
	%D%/chars.c \
	%D%/chars.h \
	%D%/chunk.c \
	%D%/chunk.h \
	%D%/client.c \
	%D%/conn.c \
	%D%/date.c \
	%D%/dial.c \
	%D%/emit.c \
	%D%/framing.c \
	%D%/headers.c \
	%D%/headers.h \
	%D%/http.h \
	%D%/parse.c \
	%D%/parse.h \
	%D%/query.c \
	%D%/read.c \
	%D%/reply.c \
	%D%/request.c \
	%D%/route.c \
	%D%/serve.c \
	%D%/server.c \
	%D%/settings.c \
	%D%/uri.c \
	%D%/uri.h \
	%D%/uri_code.c \
	%D%/uri_code.h
