/* SPDX-License-Identifier: BSD-2-Clause */
#include "document/document.h"

#include "config/limits_text.h"
#include "config/output_kind.h"
#include "document/roff.h"

#include <errno.h>
#include <string.h>

static const char head[] = ".\\\" SPDX-License-Identifier: BSD-2-Clause\n"
			   ".\\\" Made from the table of options by "
			   "`crosstap check --write-man`.\n"
			   ".Dd November 22, 2026\n"
			   ".Dt CROSSTAP.YAML 5\n"
			   ".Os\n"
			   ".Sh NAME\n"
			   ".Nm crosstap.yaml\n"
			   ".Nd configuration of crosstap\n"
			   ".Sh DESCRIPTION\n"
			   "The file is YAML without aliases, of at most 1 MiB.\n"
			   "Without one, at\n"
			   ".Pa " CONFIG_DEFAULT_PATH "\n"
			   "by default, built-in defaults hold.\n"
			   "Unknown keys, wrong types and values out of range are errors.\n"
			   ".Pp\n"
			   "Times take the units ms, s, m, h and d, sizes KiB, MiB and GiB, rates "
			   "are written as in 200/s.\n"
			   "An address without a slash in a list of networks is a host.\n"
			   "In any value\n"
			   ".Ql $NAME\n"
			   "is replaced from the environment and\n"
			   ".Ql $$\n"
			   "is a dollar sign.\n"
			   ".Pp\n"
			   ".Xr crosstap 1\n"
			   ".Cm check\n"
			   "prints what a file comes to, without secrets.\n";

static const char tail[] = ".Sh ENVIRONMENT\n"
			   ".Bl -tag -width Ds\n"
			   ".It Ev NSID\n"
			   "Default of\n"
			   ".Cm server .\n"
			   ".It Ev INFLUX_TOKEN\n"
			   "Default of an InfluxDB output's\n"
			   ".Cm token .\n"
			   ".It Ev MAXMIND_ACCOUNT_ID , Ev MAXMIND_LICENSE_KEY\n"
			   "Account for downloads.\n"
			   ".El\n"
			   ".Sh FILES\n"
			   ".Bl -tag -width Ds\n"
			   ".It Pa " CONFIG_DEFAULT_PATH "\n"
			   "The default configuration.\n"
			   ".El\n"
			   ".Sh SEE ALSO\n"
			   ".Xr crosstap 1 ,\n"
			   ".Xr crosstap-metrics 7 ,\n"
			   ".Xr crosstap-tuning 7\n";

static void write_option(FILE *out, const struct config_option *option)
{
	char limits[LIMITS_TEXT_SIZE];

	fprintf(out, ".It Cm %s\n", option->path);
	roff_text(out, option->help);
	limits_text(option, limits);
	if (*limits) {
		fputs("Values: ", out);
		fputs(limits, out);
		fputs(".\n", out);
	}
	if (option->fallback && strcmp(option->fallback, "\"\"") != 0)
		fprintf(out, "Default:\n.Ql %s\n", option->fallback);
	else if (option->example)
		fprintf(out, "Example:\n.Ql %s\n", option->example);
	if (option->takers & 1u << TAKER_RESTART)
		fputs("A change needs a restart.\n", out);
}

static void write_table(FILE *out, const struct option_table *table)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < table->n; i++)
		write_option(out, &table->options[i]);
	fputs(".El\n", out);
}

int document_write_man(FILE *out)
{
	fputs(head, out);
	fputs(".Sh OPTIONS\nA dot stands for a level of the map.\n", out);
	write_table(out, &options_root);
	fputs(".Sh INPUTS\nEach item of\n.Cm inputs\nis a map with one of\n"
	      ".Cm unix , tcp , listen_fd .\nThe default is one Unix "
	      "socket,\n.Pa " CONFIG_DEFAULT_INPUT " .\n",
	    out);
	write_table(out, &options_input);
	fputs(".Sh OUTPUTS\nEach item of\n.Cm outputs\nis a map with one key, its kind.\n", out);
	for (size_t i = 0; output_kinds[i]; i++) {
		fprintf(out, ".Ss %s\n", output_kinds[i]->name);
		roff_text(out, output_kinds[i]->table.help);
		write_table(out, &output_kinds[i]->table);
	}
	fputs(tail, out);
	return ferror(out) ? -EIO : 0;
}
