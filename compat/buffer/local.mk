noinst_HEADERS += %D%/buffer.h
libcompat_core_la_SOURCES +=
