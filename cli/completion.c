#include "cli/completion.h"

static bool has_words(const struct cli_option *o)
{
	return o->value && *o->value && strcmp(o->value, CLI_FILE) != 0;
}

static const struct cli_option *first(const struct command *c)
{
	static const struct cli_option none = { .name = NULL };

	return c->options ? c->options : &none;
}

static void names(struct buf *b, const struct command *const *commands)
{
	for (size_t i = 0; commands[i]; i++)
		buf_printf(b, "%s ", commands[i]->name);
	buf_str(b, "help");
}

/* ---- bash ---- */

static void bash_command(struct buf *b, const struct command *c)
{
	buf_printf(b, "\t%s)\n", c->name);
	if (c->actions)
		buf_printf(b, "\t\tactions='%s'\n", c->actions);
	buf_str(b, "\t\toptions='");
	for (const struct cli_option *o = first(c); o->name; o++) {
		if (o->letter)
			buf_printf(b, "-%c ", o->letter);
		buf_printf(b, "--%s ", o->name);
	}
	buf_str(b, "--help'\n\t\tcase $previous in\n");
	for (const struct cli_option *o = first(c); o->name; o++) {
		if (!o->value)
			continue;
		buf_str(b, "\t\t");
		if (o->letter)
			buf_printf(b, "-%c | ", o->letter);
		buf_printf(b, "--%s) is_value=1", o->name);
		if (has_words(o))
			buf_printf(b, " words='%s'", o->value);
		buf_str(b, " ;;\n");
	}
	buf_str(b, "\t\tesac\n\t\t;;\n");
}

void completion_bash(struct buf *b, const struct command *const *commands)
{
	buf_str(b,
		"# Completion of flightspan for bash, as `flightspan completion bash` prints it.\n"
		"\n_flightspan()\n{\n"
		"\tlocal word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
		"\tlocal commands='");
	names(b, commands);
	buf_str(b,
		"' actions='' options='' words='' is_value=''\n\n"
		"\tCOMPREPLY=()\n"
		"\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
		"\t\tmapfile -t COMPREPLY < <(compgen -W \"$commands --help --version\" -- \"$word\")\n"
		"\t\treturn\n\tfi\n"
		"\tcase ${COMP_WORDS[1]} in\n"
		"\thelp) actions=$commands ;;\n");
	for (size_t i = 0; commands[i]; i++)
		bash_command(b, commands[i]);
	/* A colon parts words for bash: of a value with one, only what follows is completed. */
	buf_str(b, "\tesac\n"
		   "\tif [ -n \"$is_value\" ]; then\n"
		   "\t\t[ -z \"$words\" ] ||\n"
		   "\t\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
		   "\telif [[ $word == -* ]]; then\n"
		   "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
		   "\telif [ \"$COMP_CWORD\" -eq 2 ]; then\n"
		   "\t\tmapfile -t COMPREPLY < <(compgen -W \"$actions\" -- \"$word\")\n"
		   "\tfi\n}\n\n"
		   "# Where the function says nothing, file names are completed.\n"
		   "complete -o default -F _flightspan flightspan\n");
}

/* ---- zsh ---- */

/* Inside of '...[...]': what ends the bracket or the quotes is escaped. */
static void zsh_text(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'') {
			buf_str(b, "'\\''");
			continue;
		}
		if (strchr("[]:\\", *text))
			buf_u8(b, '\\');
		buf_u8(b, (uint8_t)*text);
	}
}

static void zsh_action(struct buf *b, const struct cli_option *o)
{
	if (!strcmp(o->value, CLI_FILE)) {
		buf_str(b, ":file:_files");
	} else if (has_words(o)) {
		buf_str(b, ":value:(");
		zsh_text(b, o->value);
		buf_u8(b, ')');
	} else {
		buf_str(b, ":value: ");
	}
}

static void zsh_command(struct buf *b, const struct command *c)
{
	buf_printf(b, "\t%s)\n\t\t_arguments -s \\\n", c->name);
	for (const struct cli_option *o = first(c); o->name; o++) {
		buf_str(b, "\t\t\t");
		if (o->letter)
			buf_printf(b, "'(-%c --%s)'{-%c,--%s}", o->letter, o->name, o->letter,
				   o->name);
		else
			buf_printf(b, "--%s", o->name);
		buf_str(b, "'[");
		zsh_text(b, o->brief);
		buf_u8(b, ']');
		if (o->value)
			zsh_action(b, o);
		buf_str(b, "' \\\n");
	}
	buf_str(b, "\t\t\t'(-h --help)'{-h,--help}'[tell more about it]' \\\n");
	if (c->actions)
		buf_printf(b, "\t\t\t'1:action:(%s)' \\\n", c->actions);
	buf_str(b, "\t\t\t'*:file:_files'\n\t\t;;\n");
}

void completion_zsh(struct buf *b, const struct command *const *commands)
{
	buf_str(b,
		"#compdef flightspan\n"
		"# Completion of flightspan for zsh, as `flightspan completion zsh` prints it.\n\n"
		"local -a commands\ncommands=(\n");
	for (size_t i = 0; commands[i]; i++) {
		buf_printf(b, "\t'%s:", commands[i]->name);
		zsh_text(b, commands[i]->summary);
		buf_str(b, "'\n");
	}
	buf_str(b, "\t'help:tell more about a command'\n)\n\n"
		   "if (( CURRENT == 2 )); then\n"
		   "\t_describe -t commands command commands\n"
		   "\t_arguments '--help[list the commands]' '--version[print the version]'\n"
		   "\treturn\nfi\n"
		   "shift words\n(( CURRENT-- ))\n"
		   "case $words[1] in\n"
		   "\thelp) _describe -t commands command commands ;;\n");
	for (size_t i = 0; commands[i]; i++)
		zsh_command(b, commands[i]);
	buf_str(b, "esac\n");
}

/* ---- fish ---- */

static void fish_text(struct buf *b, const char *text)
{
	buf_u8(b, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buf_u8(b, '\\');
		buf_u8(b, (uint8_t)*text);
	}
	buf_u8(b, '\'');
}

static void fish_command(struct buf *b, const struct command *c)
{
	buf_printf(b, "complete -c flightspan -n __fish_use_subcommand -f -a %s -d ", c->name);
	fish_text(b, c->summary);
	buf_u8(b, '\n');
	if (c->actions)
		buf_printf(b,
			   "complete -c flightspan -n '__fish_seen_subcommand_from %s; and not"
			   " __fish_seen_subcommand_from %s' -f -a '%s'\n",
			   c->name, c->actions, c->actions);
	for (const struct cli_option *o = first(c); o->name; o++) {
		buf_printf(b, "complete -c flightspan -n '__fish_seen_subcommand_from %s' -l %s",
			   c->name, o->name);
		if (o->letter)
			buf_printf(b, " -s %c", o->letter);
		if (o->value)
			buf_str(b, strcmp(o->value, CLI_FILE) != 0 ? " -x" : " -r -F");
		if (has_words(o)) {
			buf_str(b, " -a ");
			fish_text(b, o->value);
		}
		buf_str(b, " -d ");
		fish_text(b, o->brief);
		buf_u8(b, '\n');
	}
}

void completion_fish(struct buf *b, const struct command *const *commands)
{
	buf_str(b,
		"# Completion of flightspan for fish, as `flightspan completion fish` prints it.\n"
		"complete -c flightspan -n __fish_use_subcommand -f -l version -d "
		"'print the version'\n"
		"complete -c flightspan -f -l help -s h -d 'tell more'\n"
		"complete -c flightspan -n __fish_use_subcommand -f -a help -d "
		"'tell more about a command'\n"
		"complete -c flightspan -n '__fish_seen_subcommand_from help' -f -a '");
	names(b, commands);
	buf_str(b, "'\n");
	for (size_t i = 0; commands[i]; i++)
		fish_command(b, commands[i]);
}
