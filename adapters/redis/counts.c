#include "adapters/redis/counts.h"

#include "base/limits.h"

static void flush(struct peal_redis_counts *counts)
{
	const char *names[PEAL_REDIS_COUNTS], *at = counts->channels.bytes;
	size_t lengths[PEAL_REDIS_COUNTS], count = counts->count;
	for (size_t i = 0; i < count; i++) {
		names[i] = at;
		lengths[i] = strlen(at);
		at += lengths[i] + 1;
	}
	counts->count = 0;
	if (count)
		peal_publisher_count(counts->publisher, names, lengths, count);
	peal_buffer_clear(&counts->channels);
	/* Long names must not keep their memory for ever. */
	if (counts->channels.capacity > PEAL_LIMIT_BATCH_BYTES)
		peal_buffer_deinit(&counts->channels);
}

static void flush_task(struct peal_task *task)
{
	flush(peal_container(task, struct peal_redis_counts, task));
}

void peal_redis_counts_ask(struct peal_redis_counts *counts, const char *prefix, const char *ns)
{
	size_t before = counts->channels.length;
	peal_buffer_append_text(&counts->channels, prefix);
	peal_buffer_append_text(&counts->channels, "-request#");
	peal_buffer_append_text(&counts->channels, ns);
	peal_buffer_append(&counts->channels, "#", 2);
	if (peal_buffer_error(&counts->channels)) {
		/* Those of before are whole. */
		counts->channels.length = before;
		counts->channels.error = 0;
		return;
	}
	if (++counts->count == PEAL_REDIS_COUNTS)
		flush(counts);
	else if (!peal_task_queued(&counts->task))
		peal_loop_defer(counts->loop, &counts->task);
}

void peal_redis_counts_init(struct peal_redis_counts *counts, struct peal_loop *loop,
			    struct peal_publisher *publisher)
{
	*counts = (struct peal_redis_counts){
		.loop = loop,
		.publisher = publisher,
		.channels = PEAL_BUFFER(PEAL_REDIS_COUNTS * 3 * PEAL_LIMIT_NAME_BYTES),
		.task = { .fn = flush_task },
	};
}

void peal_redis_counts_deinit(struct peal_redis_counts *counts)
{
	peal_loop_cancel(&counts->task);
	peal_buffer_deinit(&counts->channels);
}
