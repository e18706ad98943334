noinst_HEADERS += %D%/bev.h
libcompat_core_la_SOURCES +=
