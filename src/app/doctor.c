#include "doctor_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api_json.h"
#include "command_private.h"
#include "file_limit.h"
#include "prepare.h"

/* A key that is shorter can be tried out. */
#define KEY_BYTES 16

static const char *const words[] = { "ok", "skip", "warn", "fail" };

void peal_doctor_say(struct peal_doctor *doctor, enum peal_finding finding, const char *check,
		     const char *format, ...)
{
	char text[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	doctor->counts[finding]++;
	if (doctor->json) {
		printf("%s{\"check\":\"%s\",\"result\":\"%s\",\"message\":",
		       doctor->said ? ",\n " : "[", check, words[finding]);
		peal_piece_put_string(stdout, text);
		fputc('}', stdout);
	} else {
		printf("%-4s  %-12s ", words[finding], check);
		peal_command_put_text(stdout, text, strlen(text));
		fputc('\n', stdout);
	}
	doctor->said++;
}

static void check_files(struct peal_doctor *doctor)
{
	unsigned long long clients = (unsigned long long)doctor->settings->max_clients, hard;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		peal_doctor_say(doctor, PEAL_FINDING_SKIP, "files",
				"the limit of open files cannot be read");
		return;
	}
	hard = limit.rlim_max;
	if (hard <= PEAL_FILE_LIMIT_SPARE)
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "files",
				"the hard limit of open files is %llu, too small for any client: "
				"raise it (LimitNOFILE= of the unit, ulimit -Hn, --ulimit nofile)",
				hard);
	else if (hard < clients + PEAL_FILE_LIMIT_SPARE)
		peal_doctor_say(doctor, PEAL_FINDING_WARN, "files",
				"the hard limit of open files, %llu, is enough for %llu clients "
				"and not for the %llu of --max-clients: raise it to %llu",
				hard, hard - PEAL_FILE_LIMIT_SPARE, clients,
				2 * clients + PEAL_FILE_LIMIT_SPARE);
	else if (hard < 2 * clients + PEAL_FILE_LIMIT_SPARE)
		peal_doctor_say(doctor, PEAL_FINDING_OK, "files",
				"enough for %llu clients; polling ones take two, and %llu would "
				"be enough for that too",
				clients, 2 * clients + PEAL_FILE_LIMIT_SPARE);
	else
		peal_doctor_say(doctor, PEAL_FINDING_OK, "files", "enough for %llu clients",
				clients);
}

static void check_key(struct peal_doctor *doctor, const char *key)
{
	size_t length = key ? strlen(key) : 0;

	if (!length)
		peal_doctor_say(doctor, PEAL_FINDING_SKIP, "api key",
				"there is none, and so no /api");
	else if (length < KEY_BYTES)
		peal_doctor_say(doctor, PEAL_FINDING_WARN, "api key",
				"it has %zu characters and can be guessed: openssl rand -hex 32",
				length);
	else
		peal_doctor_say(doctor, PEAL_FINDING_OK, "api key", "long enough");
}

/* What `peal serve` would judge before it begins. Return: 0; -ENOMEM; PEAL_USAGE_WRONG, which was
 * said. */
static int check_settings(struct peal_doctor *doctor)
{
	struct peal_logging logging = { .level = PEAL_LOG_ERROR };
	struct peal_prepared prepared = { 0 };
	struct peal_usage usage = { { 0 } };
	int r = peal_prepare(doctor->settings, &logging, &prepared, &usage);

	if (r > 0)
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "settings", "%s", usage.text);
	else if (r == 0)
		peal_doctor_say(doctor, PEAL_FINDING_OK, "settings",
				"understood, and the files that they name can be read");
	if (r == 0)
		check_key(doctor, prepared.api_key);
	if (r == 0 && prepared.webhooks) {
		r = peal_doctor_backend(doctor, prepared.webhooks);
		prepared.webhooks = NULL;
	}
	peal_prepared_deinit(&prepared);
	return r;
}

static int examine(struct peal_doctor *doctor)
{
	int r;

	check_files(doctor);
	r = check_settings(doctor);
	if (doctor->settings->redis && r == 0)
		r = peal_doctor_redis(doctor);
	else if (!doctor->settings->redis)
		peal_doctor_say(doctor, PEAL_FINDING_SKIP, "redis",
				"there is no --redis: this node is alone");
	if (doctor->url)
		peal_doctor_balancer(doctor);
	if (r < 0)
		peal_doctor_say(doctor, PEAL_FINDING_FAIL, "doctor", "%s", strerror(-r));
	if (doctor->json)
		fputs(doctor->said ? "]\n" : "[]\n", stdout);
	if (fflush(stdout) != 0 || doctor->counts[PEAL_FINDING_FAIL])
		return PEAL_DOCTOR_FAILED;
	return doctor->counts[PEAL_FINDING_WARN] ? PEAL_DOCTOR_WARNED : PEAL_DOCTOR_WELL;
}

/* Takes --url and --json out of the arguments. Return: false, with a message, when one is wrong. */
static bool take_own(char **arguments, struct peal_doctor *doctor)
{
	char **kept = arguments;

	for (; *arguments; arguments++) {
		if (!strcmp(*arguments, "--json")) {
			doctor->json = true;
		} else if (!strncmp(*arguments, "--url=", 6)) {
			doctor->url = *arguments + 6;
		} else if (!strcmp(*arguments, "--url")) {
			if (!arguments[1]) {
				fputs("peal doctor: --url: needs a value (URL)\n", stderr);
				return false;
			}
			doctor->url = *++arguments;
		} else {
			*kept++ = *arguments;
		}
	}
	*kept = NULL;
	if (doctor->url && strncmp(doctor->url, "http://", 7) != 0 &&
	    strncmp(doctor->url, "https://", 8) != 0) {
		fputs("peal doctor: --url: must begin with http:// or https://\n", stderr);
		return false;
	}
	return true;
}

static void print_help(void)
{
	fputs("Usage: peal doctor [--url URL] [--json] [SETTINGS]\n"
	      "\n"
	      "Looks at what a node with these settings will find: limits of open files, the API "
	      "key,\n"
	      "the backend of webhooks, Redis (reached, rights, output buffers, subscribers that "
	      "do not\n"
	      "answer, clock), and with --url what clients see of the nodes through the balancer: "
	      "that\n"
	      "the requests of a polling session stay on its node, that WebSocket passes, and "
	      "that\n"
	      "nothing else does.\n"
	      "The settings are those of `peal serve`, from flags, variables and the config "
	      "file.\n"
	      "\n"
	      "  --url URL   where clients connect, such as https://example.org\n"
	      "  --json      an array of {check, result, message}, for programs\n"
	      "\n"
	      "Each line begins with ok, skip (could not be looked at), warn or fail.\n"
	      "Exit status: 0 when all is well, 1 when there are warnings, 2 when something fails "
	      "or a\n"
	      "setting is not understood.\n",
	      stdout);
}

int peal_doctor_run(char **arguments)
{
	struct peal_doctor doctor = { 0 };
	struct peal_settings settings;
	struct peal_usage usage;
	int code = PEAL_DOCTOR_FAILED, r;

	if (!take_own(arguments, &doctor))
		return PEAL_DOCTOR_FAILED;
	r = peal_settings_load(arguments, environ, &settings, &usage);
	doctor.settings = &settings;
	if (r == 0) {
		code = examine(&doctor);
	} else if (r == PEAL_USAGE_HELP) {
		print_help();
		code = PEAL_DOCTOR_WELL;
	} else if (r == PEAL_USAGE_WRONG) {
		fprintf(stderr, "peal doctor: %s\nTry `peal serve --help`.\n", usage.text);
	} else {
		fprintf(stderr, "peal doctor: %s\n", strerror(-r));
	}
	peal_settings_deinit(&settings);
	return code;
}
