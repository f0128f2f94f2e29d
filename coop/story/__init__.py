"""`coop story`: the whole chain on a throwaway instance, over HTTP and the command line as people would. Uses no service."""
