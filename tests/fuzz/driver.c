/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a fuzz target over files and folders: the corpus as a test, without libFuzzer. */
#include "base/unused.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Mutators are linked here too; nobody calls them. */
size_t LLVMFuzzerMutate(uint8_t *data UNUSED, size_t size, size_t max_size)
{
	return size < max_size ? size : max_size;
}

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t size;

	if (!file || fstat(fileno(file), &st) < 0) {
		perror(path);
		return -1;
	}
	size = (size_t)st.st_size;
	/* Exactly sized, so that a sanitizer sees a read past the end; never NULL. */
	data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, file) != size) {
		perror(path);
		fclose(file);
		free(data);
		return -1;
	}
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

static int run_path(const char *path)
{
	struct stat st;
	struct dirent *entry;
	DIR *dir;
	int total = 0;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return run_file(path);
	dir = opendir(path);
	if (!dir) {
		perror(path);
		return -1;
	}
	while ((entry = readdir(dir))) {
		char name[4096];
		int n;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		n = run_path(name);
		if (n < 0) {
			closedir(dir);
			return -1;
		}
		total += n;
	}
	closedir(dir);
	return total;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int n = run_path(argv[i]);

		if (n < 0)
			return 1;
		total += n;
	}
	printf("%d inputs\n", total);
	return total > 0 ? 0 : 1;
}
