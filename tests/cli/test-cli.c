/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-run.h"
#include "lamp-queue.h"
#include "lamp-test-util.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>

/* The command line where there is no session bus: it works on the queue itself. */

#define DONE 0
#define FAILED 1
#define USAGE 2
#define UNREACHABLE 3

#define ID_LENGTH 26
#define UNKNOWN_ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"

/* More than a part of EmitBatch() and a page of List() hold. */
#define MANY 1500

typedef struct
{
  char *home;
} Fixture;

static void
setup (Fixture      *fixture,
       gconstpointer data)
{
  fixture->home = lamp_test_folder_new ();
}

static void
teardown (Fixture      *fixture,
          gconstpointer data)
{
  lamp_test_folder_free (fixture->home);
}

static LampCliRun *
run (Fixture    *fixture,
     const char *line)
{
  return lamp_cli_run (fixture->home, NULL, NULL, line);
}

/* Runs a command that must go well, and returns what it printed. */
static char *
run_ok (Fixture    *fixture,
        const char *input,
        const char *line)
{
  g_autoptr (LampCliRun) ran = lamp_cli_run (fixture->home, NULL, input, line);

  lamp_cli_run_assert (ran, DONE);

  return g_steal_pointer (&ran->out);
}

static JsonNode *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  JsonNode *node = json_from_string (text, &error);

  g_assert_no_error (error);
  g_assert_nonnull (node);

  return node;
}

static char *
emit (Fixture    *fixture,
      const char *arguments)
{
  g_autofree char *line = g_strconcat ("emit ", arguments, NULL);
  char *out = run_ok (fixture, NULL, line);

  return g_strchomp (out);
}

static char *
numbered_lines (guint       n_lines,
                const char *last)
{
  GString *lines = g_string_new (NULL);

  for (guint i = 0; i < n_lines; i++)
    g_string_append_printf (lines, "{\"n\":%u}\n", i);
  g_string_append (lines, last);

  return g_string_free (lines, FALSE);
}

/* A row of the other tool that is no envelope, found out when it was to be sent. */
static void
add_failed (Fixture    *fixture,
            const char *event_id)
{
  g_autofree char *path = g_build_filename (fixture->home, "queue.db", NULL);
  g_autofree char *sql = NULL;
  g_autoptr (LampTestDb) db = NULL;
  g_autoptr (LampQueue) queue = lamp_queue_new (path, NULL);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (LampBatch) batch = NULL;
  g_autoptr (GError) error = NULL;

  lamp_queue_open (queue, &error);
  g_assert_no_error (error);

  sql = g_strdup_printf (
    "INSERT INTO queue (event_id, event_type, data, timestamp) "
    "VALUES ('%s', 'T', 'no json', 1700000000)",
    event_id);
  db = lamp_test_db_open (path);
  lamp_test_db_run (db, sql);

  lamp_test_expect_warning ("*can’t be sent*");
  lamp_queue_read_batch_async (queue, 0, G_MAXINT64, NULL, 100, 512 * 1024, lamp_test_result_cb,
                               &result);
  lamp_test_wait_until (result != NULL);
  batch = lamp_queue_read_batch_finish (queue, result, NULL, &error);
  g_assert_no_error (error);
  lamp_test_assert_warned ();
}

static void
test_version (Fixture      *fixture,
              gconstpointer data)
{
  g_autofree char *out = run_ok (fixture, NULL, "--version");

  g_assert_cmpstr (out, ==, "lamppost " LAMP_VERSION "\n");
}

static void
test_help (Fixture      *fixture,
           gconstpointer data)
{
  static const char *const commands[] = {
    "emit",   "status", "list",  "show",   "replay", "resend",  "discard", "import",
    "export", "watch",  "login", "logout", "pause",  "unpause", "doctor",  "open",
  };
  g_autofree char *help = run_ok (fixture, NULL, "--help");

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autofree char *line = g_strconcat (commands[i], " --help", NULL);
      g_autofree char *usage = g_strconcat ("lamppost ", commands[i], NULL);
      g_autofree char *entry = g_strconcat ("\n  ", commands[i], " ", NULL);
      g_autofree char *out = run_ok (fixture, NULL, line);

      lamp_cli_assert_contains (out, usage);
      lamp_cli_assert_contains (help, entry);
    }
}

static void
test_usage (Fixture      *fixture,
            gconstpointer data)
{
  static const char *const lines[] = {
    "",
    "foo",
    "--foo",
    "status extra",
    "status --foo",
    "emit",
    "emit -m a",
    "emit -t b",
    "emit -m",
    "emit --lines -p {}",
    "emit -m a -t b --option x",
    "emit -m a -t b --option data_tier=x",
    "emit -m a -t b --option data_tier=99999999999",
    "list --status foo",
    "list --limit -1",
    "list --limit x",
    "show",
    "show a b",
    "show --json --raw a",
    "resend",
    "resend --all a",
    "discard",
    "import",
    "export --status foo",
    "replay now",
    "pause now",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autoptr (LampCliRun) ran = run (fixture, lines[i]);

      g_test_message ("%s", lines[i]);
      lamp_cli_run_assert (ran, USAGE);
      g_assert_cmpstr (ran->out, ==, "");
      lamp_cli_assert_contains (ran->err, "lamppost: ");
      lamp_cli_assert_contains (ran->err, "--help");
    }
}

static void
test_needs_agent (Fixture      *fixture,
                  gconstpointer data)
{
  static const char *const lines[] = {
    "replay", "replay --wait", "watch", "login", "logout", "pause", "unpause", "open",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autoptr (LampCliRun) ran = run (fixture, lines[i]);

      lamp_cli_run_assert (ran, UNREACHABLE);
      lamp_cli_assert_contains (ran->err, "no session bus");
      lamp_cli_assert_contains (ran->err, "lamppost-agent");
    }
}

static void
test_import (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->home, "events.jsonl", NULL);
  g_autofree char *line = g_strdup_printf ("import '%s'", path);
  g_autofree char *both = g_strdup_printf ("import '%s/no' '%s'", fixture->home, path);
  g_autoptr (LampCliRun) ran = NULL;
  g_autoptr (LampCliRun) again = NULL;
  g_autoptr (LampCliRun) missing = NULL;

  g_assert_true (g_file_set_contents (path,
                                      "{\"event_id\":\"A\",\"event_type\":\"T\"}\n"
                                      "{\"event_id\":\"B\",\"event_\n\n"
                                      "{\"event_id\":\"C\",\"event_type\":\"T\"}",
                                      -1, NULL));

  /* Broken lines are told of, but the rest is what counts. */
  ran = run (fixture, line);
  lamp_cli_run_assert (ran, DONE);
  g_assert_cmpstr (ran->out, ==, "2 events were imported, 1 was skipped.\n");
  lamp_cli_assert_contains (ran->err, "events.jsonl: line 2: not valid JSON");

  again = run (fixture, line);
  lamp_cli_run_assert (again, DONE);
  g_assert_cmpstr (again->out, ==, "0 events were imported, 3 were skipped.\n");

  missing = run (fixture, both);
  lamp_cli_run_assert (missing, FAILED);
  lamp_cli_assert_contains (missing->err, "There is no file");
  lamp_cli_assert_contains (missing->out, "events.jsonl: 0 events were imported, 3 were skipped.");
}

static void
test_emit (Fixture      *fixture,
           gconstpointer data)
{
  g_autofree char *id = emit (fixture,
                              "-m m -t T -p '{\"a\": 1}' --option data_tier=2 "
                              "--option project_slug=slug --causation-id " UNKNOWN_ID);
  g_autofree char *line = g_strdup_printf ("show --raw %s", id);
  g_autofree char *raw = NULL;

  g_assert_cmpuint (strlen (id), ==, ID_LENGTH);
  raw = run_ok (fixture, NULL, line);
  lamp_cli_assert_contains (raw, id);
  lamp_cli_assert_contains (raw, "\"payload\":{\"a\": 1}");
  lamp_cli_assert_contains (raw, "\"causation_id\":\"" UNKNOWN_ID "\"");
  lamp_cli_assert_contains (raw, "\"project_slug\":\"slug\"");
  lamp_cli_assert_contains (raw, "\"data_tier\":2");
}

static void
test_emit_reads_payload (Fixture      *fixture,
                         gconstpointer data)
{
  g_autofree char *id = run_ok (fixture, "{\"a\":\n\"ä\"}\n", "emit -m m -t T -p -");
  g_autofree char *line = g_strdup_printf ("show --raw %s", id);
  g_autofree char *raw = run_ok (fixture, NULL, line);

  lamp_cli_assert_contains (raw, "\"payload\":{\"a\": \"ä\"}");
}

static void
test_emit_refused (Fixture      *fixture,
                   gconstpointer data)
{
  static const char *const lines[] = {
    "emit -m m -t T -p x",
    "emit -m m -t T -p []",
    "emit -m '' -t T",
    "emit -m m -t T --option foo=bar",
    "emit -m m -t T -p -",
    "emit -m m -t T --causation-id x",
    "emit -m m -t T -p '{\"a\":NaN}'",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autoptr (LampCliRun) ran = run (fixture, lines[i]);

      lamp_cli_run_assert (ran, FAILED);
      g_assert_cmpstr (ran->out, ==, "");
      g_assert_true (g_str_has_prefix (ran->err, "lamppost: "));
    }
}

static void
test_lines (Fixture      *fixture,
            gconstpointer data)
{
  static const char input[] =
    "{\"mission_id\":\"a\",\"event_type\":\"A\",\"payload\":{\"x\": 1},\"data_tier\":3,"
    "\"extra\":{\"more\":true},\"project_slug\":null}\r\n"
    "\n"
    "  \n"
    "{\"event_type\":\"B\"}\n"
    "{\"x\":2}";
  g_autofree char *out = run_ok (fixture, input, "emit --lines -m d -t D --option project_slug=s");
  g_auto (GStrv) ids = g_strsplit (out, "\n", -1);
  g_autofree char *export = run_ok (fixture, NULL, "export");
  g_auto (GStrv) envelopes = g_strsplit (export, "\n", -1);

  g_assert_cmpuint (g_strv_length (ids), ==, 4);
  g_assert_cmpuint (g_strv_length (envelopes), ==, 4);
  for (gsize i = 0; i < 3; i++)
    lamp_cli_assert_contains (envelopes[i], ids[i]);

  lamp_cli_assert_contains (envelopes[0], "\"aggregate_id\":\"mission/a\"");
  lamp_cli_assert_contains (envelopes[0], "\"payload\":{\"x\": 1}");
  lamp_cli_assert_contains (envelopes[0], "\"data_tier\":3");
  lamp_cli_assert_contains (envelopes[0], "\"more\":true");
  lamp_cli_assert_contains (envelopes[0], "\"project_slug\":null");
  lamp_cli_assert_contains (envelopes[1], "\"event_type\":\"B\"");
  lamp_cli_assert_contains (envelopes[1], "\"aggregate_id\":\"mission/d\"");
  lamp_cli_assert_contains (envelopes[1], "\"payload\":{}");
  lamp_cli_assert_contains (envelopes[1], "\"project_slug\":\"s\"");
  lamp_cli_assert_contains (envelopes[2], "\"event_type\":\"D\"");
  lamp_cli_assert_contains (envelopes[2], "\"payload\":{\"x\":2}");
}

static void
test_lines_refused (Fixture      *fixture,
                    gconstpointer data)
{
  static const struct
  {
    const char *arguments;
    const char *line;
    const char *message;
  } cases[] = {
    { "-m m -t T", "no json", "Line 3: not JSON" },
    { "-m m -t T", "[]", "Line 3: not a JSON object" },
    { "-m m", "{}", "Line 3: event_type: is given neither" },
    { "-t T", "{}", "Line 3: mission_id: is given neither" },
    { "-m m -t T", "{\"mission_id\":1}", "Line 3: mission_id: must be a string" },
    { "-m m -t T", "{\"payload\":[]}", "Line 3: payload: " },
    { "-m m -t T", "{\"payload\":{},\"foo\":\"x\"}", "Line 3: options: " },
    { "-m m -t T", "{\"payload\":{},\"data_tier\":1.5}", "Line 3: data_tier: has a value" },
    { "-m m -t T", "{\"payload\":{},\"data_tier\":99999999999}", "Line 3: data_tier: has a value" },
    { "-m m -t T", "{\"payload\":{},\"timestamp\":true}", "Line 3: timestamp: has a value" },
    { "-m m -t T --option project_slug=s", "{\"payload\":{},\"project_slug\":1.5}",
      "Line 3: project_slug: has a value" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *line = g_strconcat ("emit --lines ", cases[i].arguments, NULL);
      g_autofree char *input = g_strconcat ("{\"mission_id\":\"m\",\"event_type\":\"T\"}\n\n",
                                            cases[i].line, "\n", NULL);
      g_autoptr (LampCliRun) ran = lamp_cli_run (fixture->home, NULL, input, line);

      lamp_cli_run_assert (ran, FAILED);
      g_assert_cmpstr (ran->out, ==, "");
      lamp_cli_assert_contains (ran->err, cases[i].message);
      lamp_cli_assert_contains (ran->err, "0 events were stored before that.");
    }
}

static void
test_lines_too_large (Fixture      *fixture,
                      gconstpointer data)
{
  g_autofree char *filler = g_strnfill (LAMP_EVENT_MAX_BYTES, 'x');
  g_autofree char *input = g_strdup_printf ("{}\n{\"x\":\"%s\"}\n", filler);
  g_autofree char *endless = g_strnfill (5 * 1024 * 1024, ' ');
  g_autoptr (LampCliRun) ran = NULL;
  g_autoptr (LampCliRun) longer = NULL;

  ran = lamp_cli_run (fixture->home, NULL, input, "emit --lines -m m -t T");
  lamp_cli_run_assert (ran, FAILED);
  lamp_cli_assert_contains (ran->err, "Line 2: ");

  longer = lamp_cli_run (fixture->home, NULL, endless, "emit --lines -m m -t T");
  lamp_cli_run_assert (longer, FAILED);
  lamp_cli_assert_contains (longer->err, "Line 1 is longer");
}

static void
test_lines_in_parts (Fixture      *fixture,
                     gconstpointer data)
{
  g_autofree char *input = numbered_lines (MANY, "bad\n");
  g_autoptr (LampCliRun) ran = NULL;
  g_autofree char *json = NULL;
  g_autoptr (JsonNode) rows = NULL;

  ran = lamp_cli_run (fixture->home, NULL, input, "emit --lines -m m -t T");
  lamp_cli_run_assert (ran, FAILED);
  g_assert_cmpuint (strlen (ran->out), ==, 1000 * (ID_LENGTH + 1));
  lamp_cli_assert_contains (ran->err, "Line 1501: ");
  lamp_cli_assert_contains (ran->err, "1000 events were stored before that.");

  json = run_ok (fixture, NULL, "list --json --limit 0");
  rows = parse (json);
  g_assert_cmpuint (json_array_get_length (json_node_get_array (rows)), ==, 1000);
}

/* What waits for the next line is stored meanwhile, and its id is told. */
static void
test_lines_before_a_pause (Fixture      *fixture,
                           gconstpointer data)
{
  static const char *const arguments[] = { "emit", "--lines", "-m", "m", "-t", "T", NULL };
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GDataInputStream) output = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (LampCliRun) ran = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = NULL;
  GSubprocess *process;

  launcher = lamp_cli_run_launcher (fixture->home, NULL,
                                    G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                      G_SUBPROCESS_FLAGS_STDERR_PIPE);
  process = lamp_cli_run_start (launcher, arguments);
  g_output_stream_write_all (g_subprocess_get_stdin_pipe (process), "{}\n", 3, NULL, NULL, &error);
  g_assert_no_error (error);

  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  g_filter_input_stream_set_close_base_stream (G_FILTER_INPUT_STREAM (output), FALSE);
  g_data_input_stream_read_line_async (output, G_PRIORITY_DEFAULT, NULL, lamp_test_result_cb,
                                       &result);
  lamp_test_wait_until (result != NULL);
  id = g_data_input_stream_read_line_finish (output, result, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (id), ==, ID_LENGTH);

  ran = lamp_cli_run_end (process, "{}\n");
  lamp_cli_run_assert (ran, DONE);
  g_assert_cmpuint (strlen (ran->out), ==, ID_LENGTH + 1);
}

static void
test_status (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *id = emit (fixture, "-m m -t T");
  g_autofree char *out = run_ok (fixture, NULL, "status");

  g_assert_cmpuint (strlen (id), ==, ID_LENGTH);
  g_assert_true (g_str_has_prefix (out, "No agent runs, 1 waiting\n"));
  lamp_cli_assert_contains (out, "\npending         1\n");
  lamp_cli_assert_contains (out, "\nfailed          0\n");
  lamp_cli_assert_contains (out, "\nclock           1\n");
  lamp_cli_assert_contains (out, "\nlast delivery   none\n");
  lamp_cli_assert_contains (out, "\nserver          unknown\n");
}

static void
test_status_json (Fixture      *fixture,
                  gconstpointer data)
{
  static const char *const keys[] = {
    "state",         "online",         "paused",        "pending",      "failed",
    "delivered",     "capacity",       "replay_done",   "replay_total", "next_retry",
    "last_delivery", "oldest_pending", "lamport_clock", "node_id",      "server_url",
    "queue_path",    "last_error",     "tray_status",   "version",      "agent",
  };
  g_autofree char *id = emit (fixture, "-m m -t T");
  g_autofree char *out = run_ok (fixture, NULL, "status --json");
  g_autofree char *path = g_build_filename (fixture->home, "queue.db", NULL);
  g_autoptr (JsonNode) node = parse (out);
  JsonObject *status = json_node_get_object (node);

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    g_assert_true (json_object_has_member (status, keys[i]));

  g_assert_cmpuint (strlen (id), ==, ID_LENGTH);
  g_assert_cmpuint (json_object_get_size (status), ==, G_N_ELEMENTS (keys));
  g_assert_cmpstr (json_object_get_string_member (status, "state"), ==, "");
  g_assert_cmpint (json_object_get_int_member (status, "pending"), ==, 1);
  g_assert_cmpint (json_object_get_int_member (status, "capacity"), ==, 100000);
  g_assert_cmpstr (json_object_get_string_member (status, "queue_path"), ==, path);
  g_assert_true (json_object_get_null_member (status, "server_url"));
  g_assert_false (json_object_get_boolean_member (status, "agent"));
}

static void
test_list (Fixture      *fixture,
           gconstpointer data)
{
  g_autofree char *first = emit (fixture, "-m m1 -t T1");
  g_autofree char *second = emit (fixture, "-m m2 -t T2 -p '{\"x\":\"needle\"}'");
  g_autofree char *all = run_ok (fixture, NULL, "list");
  g_autofree char *mission = run_ok (fixture, NULL, "list --mission m1");
  g_autofree char *type = run_ok (fixture, NULL, "list --type T1");
  g_autofree char *text = run_ok (fixture, NULL, "list --text NEEDLE");
  g_autofree char *limited = run_ok (fixture, NULL, "list --limit 1");
  g_autoptr (LampCliRun) none = run (fixture, "list --status delivered");

  g_assert_true (g_str_has_prefix (all, "EVENT "));
  lamp_cli_assert_contains (all, first);
  g_assert_true (strstr (all, second) < strstr (all, first));
  g_assert_null (strstr (all, "\033"));
  g_assert_null (strstr (mission, second));
  g_assert_null (strstr (type, second));
  g_assert_null (strstr (text, first));
  g_assert_null (strstr (limited, first));
  lamp_cli_assert_contains (limited, second);
  lamp_cli_run_assert (none, DONE);
  g_assert_cmpstr (none->out, ==, "");
}

static void
test_list_json (Fixture      *fixture,
                gconstpointer data)
{
  static const char *const keys[] = {
    "event_id",      "event_type",    "mission_id",  "aggregate_id",  "status",
    "error_code",    "error_message", "timestamp",   "lamport_clock", "queued_at",
    "last_retry_at", "delivered_at",  "retry_count",
  };
  g_autofree char *empty = run_ok (fixture, NULL, "list --json");
  g_autofree char *id = emit (fixture, "-m 'm \"1\"' -t T");
  g_autofree char *out = run_ok (fixture, NULL, "list --json");
  g_autoptr (JsonNode) node = parse (out);
  JsonArray *rows = json_node_get_array (node);
  JsonObject *row = json_array_get_object_element (rows, 0);

  g_assert_cmpstr (empty, ==, "[]\n");
  g_assert_cmpuint (json_array_get_length (rows), ==, 1);
  g_assert_cmpuint (json_object_get_size (row), ==, G_N_ELEMENTS (keys));
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    g_assert_true (json_object_has_member (row, keys[i]));

  g_assert_cmpstr (json_object_get_string_member (row, "event_id"), ==, id);
  g_assert_cmpstr (json_object_get_string_member (row, "mission_id"), ==, "m \"1\"");
  g_assert_cmpint (json_object_get_int_member (row, "lamport_clock"), ==, 1);
}

static void
test_list_pages (Fixture      *fixture,
                 gconstpointer data)
{
  g_autofree char *input = numbered_lines (MANY, "");
  g_autofree char *ids = run_ok (fixture, input, "emit --lines -m m -t T");
  g_autofree char *all = run_ok (fixture, NULL, "list --json --limit 0");
  g_autofree char *few = run_ok (fixture, NULL, "list --json");
  g_autofree char *some = run_ok (fixture, NULL, "list --json --limit 1200");
  g_autofree char *table = run_ok (fixture, NULL, "list --limit 0");
  g_autoptr (JsonNode) all_node = parse (all);
  g_autoptr (JsonNode) few_node = parse (few);
  g_autoptr (JsonNode) some_node = parse (some);
  g_auto (GStrv) lines = g_strsplit (table, "\n", -1);

  g_assert_cmpuint (strlen (ids), ==, MANY * (ID_LENGTH + 1));
  g_assert_cmpuint (json_array_get_length (json_node_get_array (all_node)), ==, MANY);
  g_assert_cmpuint (json_array_get_length (json_node_get_array (few_node)), ==, 100);
  g_assert_cmpuint (json_array_get_length (json_node_get_array (some_node)), ==, 1200);
  g_assert_cmpuint (g_strv_length (lines), ==, MANY + 2);
}

static void
test_show (Fixture      *fixture,
           gconstpointer data)
{
  g_autofree char *id = emit (fixture, "-m m -t T -p '{\"a\": [1.50, {}]}'");
  g_autofree char *show = g_strdup_printf ("show %s", id);
  g_autofree char *show_json = g_strdup_printf ("show --json %s", id);
  g_autofree char *show_raw = g_strdup_printf ("show --raw %s", id);
  g_autofree char *people = run_ok (fixture, NULL, show);
  g_autofree char *json = run_ok (fixture, NULL, show_json);
  g_autofree char *raw = run_ok (fixture, NULL, show_raw);
  g_autofree char *start = g_strdup_printf ("{\"envelope\": %s, \"row\": {", raw);
  g_autoptr (JsonNode) node = parse (json);

  lamp_cli_assert_contains (people, "\nstatus          pending\n");
  lamp_cli_assert_contains (people,
                            "  \"payload\": {\n    \"a\": [\n      1.50,\n      {}\n    ]\n  },");
  g_assert_true (g_str_has_prefix (json, start));
  g_assert_true (json_object_has_member (json_node_get_object (node), "row"));
  g_assert_true (g_str_has_suffix (raw, "}"));
}

static void
test_show_unknown (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (LampCliRun) ran = run (fixture, "show " UNKNOWN_ID);

  lamp_cli_run_assert (ran, FAILED);
  lamp_cli_assert_contains (ran->err, UNKNOWN_ID);
}

static void
test_export (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *first = emit (fixture, "-m m -t T -p '{\"a\": 1}'");
  g_autofree char *second = emit (fixture, "-m m -t T");
  g_autofree char *line = g_strdup_printf ("show --raw %s", first);
  g_autofree char *raw = run_ok (fixture, NULL, line);
  g_autofree char *out = run_ok (fixture, NULL, "export");
  g_autofree char *pending = run_ok (fixture, NULL, "export --status pending");
  g_autofree char *none = run_ok (fixture, NULL, "export --status failed");
  g_auto (GStrv) lines = g_strsplit (out, "\n", -1);

  g_assert_cmpuint (g_strv_length (lines), ==, 3);
  g_assert_cmpstr (lines[0], ==, raw);
  lamp_cli_assert_contains (lines[1], second);
  g_assert_cmpstr (pending, ==, out);
  g_assert_cmpstr (none, ==, "");
}

static void
test_export_corrupt (Fixture      *fixture,
                     gconstpointer data)
{
  g_autofree char *id = emit (fixture, "-m m -t T");
  g_autoptr (LampCliRun) ran = NULL;

  add_failed (fixture, UNKNOWN_ID);
  ran = run (fixture, "export");
  lamp_cli_run_assert (ran, FAILED);
  lamp_cli_assert_contains (ran->out, id);
  lamp_cli_assert_contains (ran->err, "1 event was left out");
}

static void
test_corrupt_is_shown (Fixture      *fixture,
                       gconstpointer data)
{
  g_autofree char *people = NULL;
  g_autofree char *json = NULL;
  g_autoptr (JsonNode) node = NULL;

  add_failed (fixture, UNKNOWN_ID);
  people = run_ok (fixture, NULL, "show " UNKNOWN_ID);
  lamp_cli_assert_contains (people, "\nerror           corrupt\n");
  lamp_cli_assert_contains (people, "\nno json\n");

  json = run_ok (fixture, NULL, "show --json " UNKNOWN_ID);
  node = parse (json);
  g_assert_cmpstr (json_object_get_string_member (json_node_get_object (node), "envelope"), ==,
                   "no json");
}

static void
test_resend (Fixture      *fixture,
             gconstpointer data)
{
  g_autoptr (LampCliRun) unknown = NULL;
  g_autofree char *one = NULL;
  g_autofree char *all = NULL;
  g_autofree char *none = NULL;

  add_failed (fixture, UNKNOWN_ID);
  add_failed (fixture, "01ARZ3NDEKTSV4RRFFQ69G5FAW");
  add_failed (fixture, "01ARZ3NDEKTSV4RRFFQ69G5FAX");
  unknown = run (fixture, "resend 01ARZ3NDEKTSV4RRFFQ69G5FAY");
  lamp_cli_run_assert (unknown, FAILED);

  one = run_ok (fixture, NULL, "resend " UNKNOWN_ID);
  g_assert_cmpstr (one, ==, "1 event is pending again.\n");

  all = run_ok (fixture, NULL, "resend --all");
  g_assert_cmpstr (all, ==, "2 events are pending again.\n");

  none = run_ok (fixture, NULL, "resend --all");
  g_assert_cmpstr (none, ==, "0 events are pending again.\n");
}

static void
test_discard (Fixture      *fixture,
              gconstpointer data)
{
  g_autofree char *id = emit (fixture, "-m m -t T");
  g_autofree char *line = g_strdup_printf ("discard %s", id);
  g_autoptr (LampCliRun) pending = run (fixture, line);
  g_autofree char *failed = NULL;

  lamp_cli_run_assert (pending, FAILED);

  add_failed (fixture, UNKNOWN_ID);
  failed = run_ok (fixture, NULL, "discard " UNKNOWN_ID);
  g_assert_cmpstr (failed, ==, "1 event was discarded.\n");
}

static void
test_doctor (Fixture      *fixture,
             gconstpointer data)
{
  g_autoptr (LampCliRun) well = NULL;
  g_autoptr (LampCliRun) open = NULL;

  add_failed (fixture, UNKNOWN_ID);
  well = run (fixture, "doctor");
  lamp_cli_run_assert (well, FAILED);
  lamp_cli_assert_contains (well->out, "✓ Nobody else can read the queue.\n");
  lamp_cli_assert_contains (well->out, "✗ There is no session bus here");
  lamp_cli_assert_contains (well->out, "✗ 1 event has failed.\n  → ");
  lamp_cli_assert_contains (well->out, "✓ No event waits.\n");

  g_chmod (fixture->home, 0755);
  open = run (fixture, "doctor");
  lamp_cli_run_assert (open, FAILED);
  lamp_cli_assert_contains (open->out, "chmod 700 ");
}

static LampCliRun *
run_doctor (Fixture *fixture)
{
  LampCliRun *ran = run (fixture, "doctor");

  lamp_cli_run_assert (ran, FAILED);

  return ran;
}

static void
test_doctor_open_folder (Fixture      *fixture,
                         gconstpointer data)
{
  g_autofree char *finding = g_strdup_printf (
    "✗ Others may write to %s (mode 777).\n"
    "  → Run: chmod 700 '%s'\n",
    fixture->home, fixture->home);
  g_autoptr (LampCliRun) ill = NULL;
  g_autoptr (LampCliRun) well = NULL;

  g_free (emit (fixture, "-m m -t T"));
  g_assert_no_errno (g_chmod (fixture->home, 0777));
  ill = run_doctor (fixture);
  lamp_cli_assert_contains (ill->out, finding);

  /* The advice mends it. */
  g_assert_no_errno (g_chmod (fixture->home, 0700));
  well = run_doctor (fixture);
  lamp_cli_assert_contains (well->out, "✓ Nobody else can read the queue.\n");
}

static void
test_doctor_common_folder (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr (LampCliRun) ran = NULL;

  g_assert_no_errno (g_chmod (fixture->home, 01777));
  ran = run_doctor (fixture);
  lamp_cli_assert_contains (ran->out, "✗ Everybody uses the queue’s folder: ");
  lamp_cli_assert_contains (ran->out, "SPEC_KITTY_HOME");
  g_assert_null (strstr (ran->out, "chmod"));
}

static void
test_doctor_foreign_link (Fixture      *fixture,
                          gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->home, "queue.db", NULL);
  g_autofree char *target = g_build_filename (fixture->home, "target", NULL);
  g_autoptr (LampCliRun) own = NULL;
  g_autoptr (LampCliRun) foreign = NULL;

  g_assert_no_errno (symlink (target, path));
  own = run_doctor (fixture);
  g_assert_null (strstr (own->out, "symbolic link"));

  if (lchown (path, 65534, 65534) != 0)
    {
      g_test_skip ("only root can make a link somebody else’s");
      return;
    }

  foreign = run_doctor (fixture);
  lamp_cli_assert_contains (foreign->out,
                            "✗ The queue is a symbolic link that somebody else made: ");
  lamp_cli_assert_contains (foreign->out, "  → Look where it leads: ls -l ");
}

static void
test_doctor_newer (Fixture      *fixture,
                   gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->home, "queue.db", NULL);
  g_autoptr (LampCliRun) ran = NULL;
  LampTestDb *db = NULL;

  g_free (emit (fixture, "-m m -t T"));
  db = lamp_test_db_open (path);
  lamp_test_db_run (db, "PRAGMA user_version = 99");
  lamp_test_db_close (db);

  ran = run_doctor (fixture);
  lamp_cli_assert_contains (ran->out, "written by a newer Lamppost");
  lamp_cli_assert_contains (ran->out, "update Lamppost");
  lamp_cli_assert_contains (ran->out, "  → Until this is mended, no event can be stored.\n");
}

/* One that was put aside before, and one that is damaged now. */
static void
test_doctor_damaged (Fixture      *fixture,
                     gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->home, "queue.db", NULL);
  g_autofree char *corrupt = g_strconcat (path, ".corrupt-20260131T120000Z", NULL);
  g_autofree char *side = g_strconcat (corrupt, "-wal", NULL);
  g_autofree char *finding = NULL;
  g_autofree char *advice =
    g_strdup_printf ("Delete the damaged file when you don’t need it any more: rm '%s'*\n",
                     corrupt);
  g_autoptr (LampCliRun) ran = NULL;
  g_autoptr (LampCliRun) now = NULL;
  const char *first;

  g_assert_true (g_file_set_contents (corrupt, "", 0, NULL));
  g_assert_true (g_file_set_contents (side, "", 0, NULL));
  ran = run_doctor (fixture);
  finding = g_strdup_printf ("! A damaged queue was put aside on 2026-01-31 12:00:00: %s\n",
                             corrupt);
  lamp_cli_assert_contains (ran->out, finding);
  lamp_cli_assert_contains (ran->out, advice);
  g_assert_null (strstr (ran->out, "-wal"));

  g_assert_true (
    g_file_set_contents (path, "This is no database, and long enough to tell.", -1, NULL));
  now = run_doctor (fixture);
  first = strstr (now->out, "! A damaged queue was put aside on ");
  g_assert_nonnull (first);
  g_assert_nonnull (strstr (first + 1, "! A damaged queue was put aside on "));
}

static void
test_doctor_wal (Fixture      *fixture,
                 gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->home, "queue.db", NULL);
  g_autoptr (LampTestDb) db = NULL;
  g_autoptr (LampCliRun) small = NULL;
  g_autoptr (LampCliRun) large = NULL;

  g_free (emit (fixture, "-m m -t T"));
  small = run_doctor (fixture);
  g_assert_null (strstr (small->out, "has grown"));

  /* One that stays connected and never lets the file shrink. */
  db = lamp_test_db_open (path);
  lamp_test_db_run (db,
                    "PRAGMA wal_autocheckpoint = 0; BEGIN; CREATE TABLE other (x);"
                    "INSERT INTO other VALUES (zeroblob (9 * 1024 * 1024)); COMMIT;");
  large = run_doctor (fixture);
  lamp_cli_assert_contains (large->out,
                            "! What waits to be written into the queue’s file has grown "
                            "to ");
  lamp_cli_assert_contains (large->out, "queue.db-wal\n  → ");
}

static void
test_doctor_stalled (Fixture      *fixture,
                     gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->home, "queue.db", NULL);
  g_autoptr (LampTestDb) db = NULL;
  g_autoptr (LampCliRun) fresh = NULL;
  g_autoptr (LampCliRun) stalled = NULL;

  g_free (emit (fixture, "-m m -t T"));
  fresh = run_doctor (fixture);
  lamp_cli_assert_contains (fresh->out, "✓ The oldest event has waited for ");

  db = lamp_test_db_open (path);
  lamp_test_db_run (db, "UPDATE lamppost_state SET queued_at = queued_at - 90000 * 1000000");
  stalled = run_doctor (fixture);
  lamp_cli_assert_contains (stalled->out, "✗ The oldest event has waited for ");
  lamp_cli_assert_contains (stalled->out, "lamppost replay");
}

static void
test_doctor_full (Fixture      *fixture,
                  gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->home, "queue.db", NULL);
  g_autoptr (LampTestDb) db = NULL;
  g_autoptr (LampCliRun) nearly = NULL;
  g_autoptr (LampCliRun) full = NULL;

  g_free (emit (fixture, "-m m -t T"));
  db = lamp_test_db_open (path);

  /* The counter is what is read; true rows would take their time. */
  lamp_test_db_run (db, "UPDATE lamppost_counter SET pending = 80000");
  nearly = run_doctor (fixture);
  lamp_cli_assert_contains (nearly->out, "! The queue holds 80000 of 100000 events.\n  → When it ");

  lamp_test_db_run (db, "UPDATE lamppost_counter SET pending = 99999, failed = 1");
  full = run_doctor (fixture);
  lamp_cli_assert_contains (full->out,
                            "✗ The queue holds 100000 of 100000 events.\n  → It is full");
  lamp_cli_assert_contains (full->out, "✗ 1 event has failed.\n  → ");
  lamp_cli_assert_contains (full->out, "lamppost resend");
}

static void
test_unusable_queue (Fixture      *fixture,
                     gconstpointer data)
{
  static const char *const lines[] = { "status", "list", "emit -m m -t T", "export", "show x" };
  g_autofree char *file = g_build_filename (fixture->home, "file", NULL);
  g_autoptr (LampCliRun) doctor = NULL;

  g_file_set_contents (file, "", 0, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autoptr (LampCliRun) ran = lamp_cli_run (file, NULL, NULL, lines[i]);

      lamp_cli_run_assert (ran, UNREACHABLE);
      lamp_cli_assert_contains (ran->err, file);
    }

  doctor = lamp_cli_run (file, NULL, NULL, "doctor");
  lamp_cli_run_assert (doctor, FAILED);
  lamp_cli_assert_contains (doctor->out, "✗");
}

static void
test_dead_bus (Fixture      *fixture,
               gconstpointer data)
{
  g_autoptr (LampCliRun) ran = NULL;

  ran = lamp_cli_run (fixture->home, "unix:path=/nonexistent", NULL, "emit -m m -t T");
  lamp_cli_run_assert (ran, DONE);
  g_assert_cmpuint (strlen (ran->out), ==, ID_LENGTH + 1);
}

static void
test_full_disk (Fixture      *fixture,
                gconstpointer data)
{
  static const char *const arguments[] = { "status", NULL };
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (LampCliRun) ran = NULL;

  if (!g_file_test ("/dev/full", G_FILE_TEST_EXISTS))
    {
      g_test_skip ("there is no /dev/full");
      return;
    }

  launcher = lamp_cli_run_launcher (fixture->home, NULL, G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_subprocess_launcher_set_stdout_file_path (launcher, "/dev/full");
  ran = lamp_cli_run_end (lamp_cli_run_start (launcher, arguments), NULL);
  lamp_cli_run_assert (ran, FAILED);
  lamp_cli_assert_contains (ran->err, "could not be written");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, setup, func, teardown)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  lamp_test_catch_warnings ();

  ADD ("/cli/version", test_version);
  ADD ("/cli/help", test_help);
  ADD ("/cli/usage", test_usage);
  ADD ("/cli/needs-agent", test_needs_agent);
  ADD ("/cli/import", test_import);
  ADD ("/cli/emit", test_emit);
  ADD ("/cli/emit/reads-payload", test_emit_reads_payload);
  ADD ("/cli/emit/refused", test_emit_refused);
  ADD ("/cli/lines", test_lines);
  ADD ("/cli/lines/refused", test_lines_refused);
  ADD ("/cli/lines/too-large", test_lines_too_large);
  ADD ("/cli/lines/in-parts", test_lines_in_parts);
  ADD ("/cli/lines/before-a-pause", test_lines_before_a_pause);
  ADD ("/cli/status", test_status);
  ADD ("/cli/status/json", test_status_json);
  ADD ("/cli/list", test_list);
  ADD ("/cli/list/json", test_list_json);
  ADD ("/cli/list/pages", test_list_pages);
  ADD ("/cli/show", test_show);
  ADD ("/cli/show/unknown", test_show_unknown);
  ADD ("/cli/show/corrupt", test_corrupt_is_shown);
  ADD ("/cli/export", test_export);
  ADD ("/cli/export/corrupt", test_export_corrupt);
  ADD ("/cli/resend", test_resend);
  ADD ("/cli/discard", test_discard);
  ADD ("/cli/doctor", test_doctor);
  ADD ("/cli/doctor/open-folder", test_doctor_open_folder);
  ADD ("/cli/doctor/common-folder", test_doctor_common_folder);
  ADD ("/cli/doctor/foreign-link", test_doctor_foreign_link);
  ADD ("/cli/doctor/newer", test_doctor_newer);
  ADD ("/cli/doctor/damaged", test_doctor_damaged);
  ADD ("/cli/doctor/wal", test_doctor_wal);
  ADD ("/cli/doctor/stalled", test_doctor_stalled);
  ADD ("/cli/doctor/full", test_doctor_full);
  ADD ("/cli/unusable-queue", test_unusable_queue);
  ADD ("/cli/dead-bus", test_dead_bus);
  ADD ("/cli/full-disk", test_full_disk);

  return g_test_run ();
}
