"""The product without a screen: everything that pages, REST, sockets, tasks and the command line call."""
