/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-source.h"
#include "lamp-cli-text.h"

#include <glib/gi18n.h>

#define LIMIT_DEFAULT 100

/* Between two columns. */
#define GAP 2

typedef struct
{
  char *status;     /* (owned) (nullable) */
  char *mission_id; /* (owned) (nullable) */
  char *event_type; /* (owned) (nullable) */
  char *text;       /* (owned) (nullable) */
  int limit;        /* 0 for all */
  gboolean json;
} List;

static void
list_clear (List *self)
{
  g_free (self->status);
  g_free (self->mission_id);
  g_free (self->event_type);
  g_free (self->text);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (List, list_clear)

/* Prints a page of rows; @first says whether it is the first one. */
typedef void (*PrintPage) (GVariant *rows, gboolean first);

typedef char *(*CellFunc) (GVariant *row, const char *key);

typedef struct
{
  const char *title;
  const char *key;
  CellFunc cell;
} Column;

static char *
text_cell (GVariant   *row,
           const char *key)
{
  const char *text = "";

  g_variant_lookup (row, key, "&s", &text);

  return lamp_cli_clean (text);
}

static char *
time_cell (GVariant   *row,
           const char *key)
{
  gint64 time = 0;

  g_variant_lookup (row, key, "x", &time);

  return lamp_cli_dup_time (time);
}

static char *
reason_cell (GVariant   *row,
             const char *key)
{
  g_autofree char *code = text_cell (row, key);
  g_autofree char *message = text_cell (row, "error_message");

  if (*code == '\0' || *message == '\0')
    return g_strconcat (code, message, NULL);

  return g_strdup_printf ("%s: %s", code, message);
}

/* The reason is last: it may be long, and only failed events have one. */
static const Column columns[] = {
  { NC_("column", "EVENT"), "event_id", text_cell },
  { NC_("column", "STATUS"), "status", text_cell },
  { NC_("column", "QUEUED"), "queued_at", time_cell },
  { NC_("column", "MISSION"), "mission_id", text_cell },
  { NC_("column", "TYPE"), "event_type", text_cell },
  { NC_("column", "REASON"), "error_code", reason_cell },
};

#define N_COLUMNS G_N_ELEMENTS (columns)

static LampCliColor
color_of_row (GVariant *row)
{
  const char *status = "";

  g_variant_lookup (row, "status", "&s", &status);

  return g_str_equal (status, "failed") ? LAMP_CLI_RED : LAMP_CLI_PLAIN;
}

static void
print_line (char       **cells,
            const gsize *widths,
            LampCliColor color)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autofree char *painted = NULL;

  for (gsize i = 0; i < N_COLUMNS; i++)
    lamp_cli_pad (line, cells[i], i + 1 < N_COLUMNS ? widths[i] + GAP : 0);

  painted = lamp_cli_paint (color, g_strchomp (line->str));
  g_print ("%s\n", painted);
}

static void
widen (gsize *widths,
       char **cells)
{
  for (gsize i = 0; i < N_COLUMNS; i++)
    widths[i] = MAX (widths[i], lamp_cli_text_width (cells[i]));
}

static char **
cells_of_row (GVariant *row)
{
  char **cells = g_new0 (char *, N_COLUMNS + 1);

  for (gsize i = 0; i < N_COLUMNS; i++)
    cells[i] = columns[i].cell (row, columns[i].key);

  return cells;
}

static char **
dup_titles (void)
{
  char **titles = g_new0 (char *, N_COLUMNS + 1);

  for (gsize i = 0; i < N_COLUMNS; i++)
    titles[i] = g_strdup (g_dpgettext2 (NULL, "column", columns[i].title));

  return titles;
}

static void
print_table (GVariant *rows,
             gboolean  first)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  g_auto (GStrv) titles = dup_titles ();
  gsize n_rows = g_variant_n_children (rows);
  gsize widths[N_COLUMNS] = { 0 };

  widen (widths, titles);
  for (gsize i = 0; i < n_rows; i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      char **cells = cells_of_row (row);

      widen (widths, cells);
      g_ptr_array_add (lines, cells);
    }

  if (first && n_rows > 0)
    print_line (titles, widths, LAMP_CLI_BOLD);

  for (gsize i = 0; i < n_rows; i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);

      print_line (g_ptr_array_index (lines, i), widths, color_of_row (row));
    }
}

static void
print_json (GVariant *rows,
            gboolean  first)
{
  gsize n_rows = g_variant_n_children (rows);

  for (gsize i = 0; i < n_rows; i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      g_autoptr (GString) line = g_string_new (first && i == 0 ? "\n" : ",\n");

      lamp_cli_append_json_row (line, row);
      lamp_cli_write (line->str, line->len);
    }
}

static GVariant *
filter_from_options (const List *list)
{
  const struct
  {
    const char *key;
    const char *value;
  } wishes[] = {
    { "status", list->status },
    { "mission_id", list->mission_id },
    { "event_type", list->event_type },
    { "text", list->text },
  };
  g_auto (GVariantDict) filter = G_VARIANT_DICT_INIT (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (wishes); i++)
    if (wishes[i].value != NULL)
      g_variant_dict_insert (&filter, wishes[i].key, "s", wishes[i].value);

  return g_variant_ref_sink (g_variant_dict_end (&filter));
}

/* Prints page after page; a reader that went away ends it. */
static gboolean
print_pages (LampCli  *cli,
             GVariant *filter,
             guint64   limit,
             PrintPage print_page,
             guint64  *n_rows,
             GError  **error)
{
  gint64 cursor = 0;

  *n_rows = 0;
  do
    {
      guint page_limit = MIN (limit - *n_rows, LAMP_LIST_MAX);
      g_autoptr (GVariant) rows = lamp_cli_source_list (cli, filter, &cursor, page_limit, error);

      if (rows == NULL)
        return FALSE;

      print_page (rows, *n_rows == 0);
      *n_rows += g_variant_n_children (rows);
    }
  while (cursor != 0 && *n_rows < limit && lamp_cli_flush ());

  return TRUE;
}

static LampCliExit
list_rows (LampCli    *cli,
           const List *list)
{
  g_autoptr (GVariant) filter = filter_from_options (list);
  g_autoptr (GError) error = NULL;
  guint64 limit = list->limit > 0 ? (guint64) list->limit : G_MAXUINT64;
  guint64 n_rows;

  if (list->json)
    lamp_cli_write ("[", -1);

  if (!print_pages (cli, filter, limit, list->json ? print_json : print_table, &n_rows, &error))
    return lamp_cli_fail (cli, error);

  if (list->json)
    lamp_cli_write (n_rows > 0 ? "\n]\n" : "]\n", -1);
  else if (n_rows == 0)
    g_printerr ("%s\n", _("There are no such events."));

  return LAMP_CLI_DONE;
}

LampCliExit
lamp_cli_list (LampCli *cli,
               char  ***arguments)
{
  g_auto (List) list = { .limit = LIMIT_DEFAULT };
  const GOptionEntry entries[] = {
    { "status", 's', 0, G_OPTION_ARG_STRING, &list.status,
      /* TRANSLATORS: keep the four words; “(all)” is what holds where nothing is given */
      N_("Only these: pending, failed, delivered or all (all)"), N_("STATUS") },
    { "mission", 'm', 0, G_OPTION_ARG_STRING, &list.mission_id, N_("Only of this mission"),
      N_("MISSION") },
    { "type", 't', 0, G_OPTION_ARG_STRING, &list.event_type, N_("Only of this type"),
      N_("TYPE") },
    { "text", 0, 0, G_OPTION_ARG_STRING, &list.text, N_("Only those that contain this"),
      N_("TEXT") },
    /* TRANSLATORS: “(100)” is what holds where nothing is given */
    { "limit", 'n', 0, G_OPTION_ARG_INT, &list.limit, N_("At most so many, 0 for all (100)"),
      N_("N") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &list.json, N_("Print a JSON array"), NULL },
    { NULL }
  };

  if (!lamp_cli_parse (cli, entries, NULL, arguments))
    return LAMP_CLI_USAGE;

  if (list.limit < 0)
    return lamp_cli_usage (cli, _("--limit must not be negative, but is %d."), list.limit);

  if (!lamp_cli_open (cli))
    return LAMP_CLI_UNREACHABLE;

  return list_rows (cli, &list);
}
