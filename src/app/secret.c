/*
 * Secrets from files, so that neither flags nor variables need to hold them. No message has a part
 * of one in it.
 */
#include "secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No password or key is longer. */
#define SECRET_CEILING 4096

int peal_secret_read(const char *flag, const char *path, char **ret_text, struct peal_usage *usage)
{
	FILE *stream = fopen(path, "re");
	char line[SECRET_CEILING + 2];
	char *copy;
	size_t length;

	if (!stream)
		return peal_usage_set(usage, "%s: cannot open \"%s\": %s", flag, path,
				      strerror(errno));
	errno = 0;
	if (!fgets(line, sizeof(line), stream))
		line[0] = '\0';
	if (ferror(stream)) {
		int error = errno;

		fclose(stream);
		return peal_usage_set(usage, "%s: cannot read \"%s\": %s", flag, path,
				      strerror(error));
	}
	fclose(stream);
	length = strcspn(line, "\r\n");
	if (!length || length > SECRET_CEILING)
		return peal_usage_set(usage, "%s: the first line of \"%s\" must have 1 to %d bytes",
				      flag, path, SECRET_CEILING);
	copy = strndup(line, length);
	explicit_bzero(line, sizeof(line));
	if (!copy)
		return -ENOMEM;
	*ret_text = copy;
	return 0;
}

void peal_secret_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}
