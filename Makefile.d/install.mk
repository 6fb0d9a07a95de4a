# make install: the program, its man page and bash completion (both made from the option rows by the program itself) and the
# documents with the result's schema. DESTDIR stages, PREFIX places.
BINDIR  = $(DESTDIR)$(PREFIX)/bin
MANDIR  = $(DESTDIR)$(PREFIX)/share/man/man1
COMPDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
DOCDIR  = $(DESTDIR)$(PREFIX)/share/doc/assay
WORKDIR = $(DESTDIR)$(PREFIX)/share/assay/workers

$(B)/assay.1: $(B)/assay
	$(B)/assay man >$@.new && mv $@.new $@

$(B)/assay.bash: $(B)/assay
	$(B)/assay completion bash >$@.new && mv $@.new $@

install: $(B)/assay $(B)/assay.1 $(B)/assay.bash
	install -d $(BINDIR) $(MANDIR) $(COMPDIR) $(DOCDIR) $(WORKDIR)
	install -m 755 $(B)/assay $(BINDIR)/assay
	install -m 644 $(B)/assay.1 $(MANDIR)/assay.1
	install -m 644 $(B)/assay.bash $(COMPDIR)/assay
	install -m 644 $(wildcard README.md docs/*) $(DOCDIR)
	install -m 644 $(wildcard workers/*.py workers/*.json workers/*.txt) $(WORKDIR)
