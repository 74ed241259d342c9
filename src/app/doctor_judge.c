/*
 * What the answers of Redis mean for a node. What a user may not ask is no fault.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doctor_private.h"

/* Tokens carry times, and 30 s of difference are allowed for. */
#define CLOCK_MS 5000
/* Redis' own limits for subscribers: enough for most. */
#define HARD_BYTES (32LL << 20)
#define SOFT_BYTES (8LL << 20)

uint64_t peal_doctor_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The value of a line of INFO. Return: its length. */
static int find_line(const char *text, const char *key, const char **ret_value)
{
	const char *at = strstr(text, key);

	*ret_value = at ? at + strlen(key) : "";
	return (int)strcspn(*ret_value, "\r\n");
}

void peal_doctor_judge_info(struct peal_doctor *doctor, const struct peal_redis_answer *answer)
{
	const char *text = answer->items[0].text, *version, *role;
	int version_length, role_length;

	if (answer->error || !text) {
		peal_doctor_say(doctor, PEAL_FINDING_WARN, "redis",
				"reached, but it does not tell whether it is a primary: %s",
				answer->error ? answer->items[1].text : "no text");
		return;
	}
	version_length = find_line(text, "redis_version:", &version);
	role_length = find_line(text, "\nrole:", &role);
	if (role_length == 5 && !memcmp(role, "slave", 5))
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "redis",
				"reached, but it is a replica: what is published there does not "
				"reach those at the primary; connect to the primary");
	else
		peal_doctor_say(doctor, PEAL_FINDING_OK, "redis", "reached, version %.*s",
				version_length, version);
}

void peal_doctor_judge_time(struct peal_doctor *doctor, const struct peal_redis_answer *answer,
			    uint64_t asked_at_ms)
{
	uint64_t now = peal_doctor_wall_ms(), then, middle;
	int64_t apart;

	if (answer->error || answer->count != 2 || !answer->items[0].text ||
	    !answer->items[1].text) {
		peal_doctor_say(doctor, PEAL_FINDING_SKIP, "clock",
				"cannot be compared: the user may not use TIME (+time allows it)");
		return;
	}
	then = strtoull(answer->items[0].text, NULL, 10) * 1000 +
	       strtoull(answer->items[1].text, NULL, 10) / 1000;
	middle = asked_at_ms + (now - asked_at_ms) / 2;
	apart = (int64_t)(then - middle);
	if (apart < -CLOCK_MS || apart > CLOCK_MS)
		peal_doctor_say(doctor, PEAL_FINDING_WARN, "clock",
				"%.1f s apart from that of Redis: tokens expire too early or too "
				"late, and logs do not fit together; let both follow NTP",
				(double)apart / 1000);
	else
		peal_doctor_say(doctor, PEAL_FINDING_OK, "clock", "%.1f s apart from that of Redis",
				(double)apart / 1000);
}

void peal_doctor_judge_buffers(struct peal_doctor *doctor, const struct peal_redis_answer *answer)
{
	static const char advice[] = "CONFIG SET client-output-buffer-limit \"pubsub 32mb 8mb 60\"";
	const char *at = !answer->error && answer->count == 2 && answer->items[1].text
				 ? strstr(answer->items[1].text, "pubsub ")
				 : NULL;
	long long hard, soft, seconds;

	if (!at || sscanf(at, "pubsub %lld %lld %lld", &hard, &soft, &seconds) != 3)
		peal_doctor_say(doctor, PEAL_FINDING_SKIP, "buffers",
				"client-output-buffer-limit is not shown to this user "
				"(+config|get): see that it allows pubsub 32mb 8mb 60");
	else if (!hard && !soft)
		peal_doctor_say(doctor, PEAL_FINDING_WARN, "buffers",
				"subscribers have no output limit: one that hangs fills the memory "
				"of Redis; %s",
				advice);
	else if ((hard && hard < HARD_BYTES) || (soft && soft < SOFT_BYTES))
		peal_doctor_say(doctor, PEAL_FINDING_WARN, "buffers",
				"pubsub %lld %lld %lld is little: a burst cuts the nodes off, and "
				"they miss what comes then; %s",
				hard, soft, seconds, advice);
	else
		peal_doctor_say(doctor, PEAL_FINDING_OK, "buffers", "pubsub %lld %lld %lld", hard,
				soft, seconds);
}
