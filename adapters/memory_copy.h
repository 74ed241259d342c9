/* A message that outlives the call that sent it, shared by all who get it. */
#ifndef PEAL_ADAPTERS_MEMORY_COPY_H
#define PEAL_ADAPTERS_MEMORY_COPY_H

#include <peal/adapter.h>

struct peal_memory_copy {
	struct peal_message message;
	uint32_t references;
	bool failed;  /* memory ran out on the way */
	void **owned; /* everything that the message points to … */
	size_t owned_count;
	struct peal_args **args; /* … but for arguments */
	size_t args_count;
};

/* As the other side will see it: what is for the sender only is left out. NULL without memory. */
struct peal_memory_copy *peal_memory_copy_new(const struct peal_message *message);
void peal_memory_copy_unref(struct peal_memory_copy *copy);

#endif
