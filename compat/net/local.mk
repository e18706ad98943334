libcompat_core_la_SOURCES += 
