/*
 * How late the timers of a loop run: what somebody's input waits for as well at that moment. The
 * tick sees to it that one is due at least twice a second. Only the firing of a timer is measured,
 * so it costs nothing for each turn or each client.
 */
#include "loop/loop_private.h"

void peal_loop_count_lag(struct peal_stats *stats, uint64_t late_us)
{
	const struct {
		uint64_t bound_us, *counter;
	} buckets[] = {
		{ 1000, &stats->loop_lag_1ms },	      { 5000, &stats->loop_lag_5ms },
		{ 10000, &stats->loop_lag_10ms },     { 25000, &stats->loop_lag_25ms },
		{ 50000, &stats->loop_lag_50ms },     { 100000, &stats->loop_lag_100ms },
		{ 250000, &stats->loop_lag_250ms },   { 500000, &stats->loop_lag_500ms },
		{ 1000000, &stats->loop_lag_1000ms }, { 2500000, &stats->loop_lag_2500ms },
	};
	stats->loop_lags++;
	stats->loop_lag_us += late_us;
	for (size_t i = 0; i < sizeof(buckets) / sizeof(*buckets); i++) {
		if (late_us <= buckets[i].bound_us) {
			++*buckets[i].counter;
			return;
		}
	}
}
