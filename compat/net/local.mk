libcompat_core_la_SOURCES += %D%/listener.c
