"""The lab as a local server: the page's files, a socket for each page, and a process that trains for it."""
