/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-json.h"

#include <json-glib/json-glib.h>
#include <string.h>

#define SOME_DEPTH 5
#define MUTATIONS 200000
#define SEED 20260203

/* A text that may hold NUL bytes. */
#define BYTES(text) text, sizeof (text) - 1

/* A heap copy of just the size, so that the sanitizer sees a read beyond the end. */
static char *
copy_bytes (const char *text,
            gsize       length)
{
  return g_memdup2 (text, MAX (length, 1));
}

static gboolean
is_valid (const char *text,
          gsize       length,
          guint       max_depth)
{
  g_autofree char *copy = length > 0 ? copy_bytes (text, length) : NULL;

  return lamp_json_check (copy, length, max_depth, NULL, NULL);
}

static LampJson
parse (const char *text)
{
  LampJson value;

  g_assert_true (lamp_json_check (text, strlen (text), LAMP_JSON_MAX_DEPTH, &value, NULL));

  return value;
}

static void
assert_value (const LampJson *value,
              LampJsonType    type,
              const char     *text)
{
  g_assert_cmpint (value->type, ==, type);
  g_assert_cmpmem (value->text, value->length, text, strlen (text));
}

static void
test_accepts (void)
{
  static const struct
  {
    const char *text;
    LampJsonType type;
  } cases[] = {
    { "null", LAMP_JSON_NULL },
    { "true", LAMP_JSON_TRUE },
    { "false", LAMP_JSON_FALSE },
    { "0", LAMP_JSON_NUMBER },
    { "-0", LAMP_JSON_NUMBER },
    { "-1", LAMP_JSON_NUMBER },
    { "120", LAMP_JSON_NUMBER },
    { "0.0", LAMP_JSON_NUMBER },
    { "-0.5e-10", LAMP_JSON_NUMBER },
    { "1E+2", LAMP_JSON_NUMBER },
    { "1e0001", LAMP_JSON_NUMBER },
    { "123456789012345678901234567890", LAMP_JSON_NUMBER },
    { "1e99999", LAMP_JSON_NUMBER },
    { "\"\"", LAMP_JSON_STRING },
    { "\"a\"", LAMP_JSON_STRING },
    { "\"\x7f\"", LAMP_JSON_STRING },
    { "\"a string that is longer than a word\"", LAMP_JSON_STRING },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", LAMP_JSON_STRING },
    { "\"\\u0000\\u00e4\\uD83D\\uDE00\"", LAMP_JSON_STRING },
    { "\"\\uD800\"", LAMP_JSON_STRING },
    { "\"\\uDFAA\\uD800\"", LAMP_JSON_STRING },
    { "\"\xc2\x80\xdf\xbf\"", LAMP_JSON_STRING },
    { "\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"", LAMP_JSON_STRING },
    { "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"", LAMP_JSON_STRING },
    { "\"\xef\xbb\xbf\"", LAMP_JSON_STRING },
    { "\"/* no comment */ // 'NaN'\"", LAMP_JSON_STRING },
    { "[]", LAMP_JSON_ARRAY },
    { "[ ]", LAMP_JSON_ARRAY },
    { "[1,2 , 3]", LAMP_JSON_ARRAY },
    { "[[],[[]],{}]", LAMP_JSON_ARRAY },
    { "[null,true,false,0,\"\",[],{}]", LAMP_JSON_ARRAY },
    { "{}", LAMP_JSON_OBJECT },
    { "{ \t\r\n}", LAMP_JSON_OBJECT },
    { "{\"\":0}", LAMP_JSON_OBJECT },
    { "{\"a\" : {\"b\":[{\"c\":{}}]} , \"d\":null}", LAMP_JSON_OBJECT },
    { "{\"a\":1,\"a\":2}", LAMP_JSON_OBJECT },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *spaced = g_strconcat (" \t\r\n", cases[i].text, "\n \t\r", NULL);
      LampJson value;

      g_assert_true (is_valid (cases[i].text, strlen (cases[i].text), SOME_DEPTH));
      g_assert_true (lamp_json_check (spaced, strlen (spaced), SOME_DEPTH, &value, NULL));
      assert_value (&value, cases[i].type, cases[i].text);
    }
}

static void
test_refuses (void)
{
  static const struct
  {
    const char *text;
    gsize length;
    gsize offset;
  } cases[] = {
    { BYTES (""), 0 },
    { BYTES (" \n"), 2 },
    { BYTES ("\0"), 0 },
    { BYTES ("{}\0"), 2 },
    { BYTES ("\xef\xbb\xbf{}"), 0 },
    { BYTES ("\xff\xfe"), 0 },
    /* words */
    { BYTES ("nul"), 0 },
    { BYTES ("nulL"), 0 },
    { BYTES ("True"), 0 },
    { BYTES ("truer"), 4 },
    { BYTES ("NaN"), 0 },
    { BYTES ("Infinity"), 0 },
    { BYTES ("undefined"), 0 },
    { BYTES ("[true,fals]"), 6 },
    /* numbers */
    { BYTES ("-"), 1 },
    { BYTES ("+1"), 0 },
    { BYTES (".5"), 0 },
    { BYTES ("01"), 0 },
    { BYTES ("-01"), 1 },
    { BYTES ("00"), 0 },
    { BYTES ("1."), 2 },
    { BYTES ("1.e1"), 2 },
    { BYTES ("1e"), 2 },
    { BYTES ("1e+"), 3 },
    { BYTES ("[1e+]"), 4 },
    { BYTES ("-Infinity"), 1 },
    { BYTES ("-NaN"), 1 },
    { BYTES ("0x1"), 1 },
    { BYTES ("1 000"), 2 },
    { BYTES ("1_000"), 1 },
    { BYTES ("1,0"), 1 },
    { BYTES ("[1a]"), 2 },
    { BYTES ("[\xef\xbc\x91]"), 1 },
    /* strings */
    { BYTES ("\""), 1 },
    { BYTES ("\"a"), 2 },
    { BYTES ("a\""), 0 },
    { BYTES ("'a'"), 0 },
    { BYTES ("\"\t\""), 1 },
    { BYTES ("\"\n\""), 1 },
    { BYTES ("\"a\0b\""), 2 },
    { BYTES ("\"plain enough\x1f\""), 13 },
    { BYTES ("\"\\"), 2 },
    { BYTES ("\"\\\""), 3 },
    { BYTES ("\"\\x41\""), 1 },
    { BYTES ("\"\\a\""), 1 },
    { BYTES ("\"\\U0041\""), 1 },
    { BYTES ("\"\\0\""), 1 },
    { BYTES ("\"\\\0\""), 1 },
    { BYTES ("\"\\u\""), 1 },
    { BYTES ("\"\\u00A\""), 1 },
    { BYTES ("\"\\u00g0\""), 1 },
    { BYTES ("\"\\u00"), 5 },
    { BYTES ("\"\\u0041"), 7 },
    { BYTES ("\"\\uD800\\u\""), 7 },
    { BYTES ("\"\\\xc3\xa4\""), 1 },
    /* UTF-8 */
    { BYTES ("\"\x80\""), 1 },
    { BYTES ("\"\xbf\""), 1 },
    { BYTES ("\"a\xc3\""), 2 },
    { BYTES ("\"a\xc3"), 2 },
    { BYTES ("\"\xc3\x28\""), 1 },
    { BYTES ("\"\xc0\x80\""), 1 },
    { BYTES ("\"\xc1\xbf\""), 1 },
    { BYTES ("\"\xe0\x9f\xbf\""), 1 },
    { BYTES ("\"\xe2\x82\""), 1 },
    { BYTES ("\"\xe2\x28\xa1\""), 1 },
    { BYTES ("\"\xe2\x82\x28\""), 1 },
    { BYTES ("\"\xed\xa0\x80\""), 1 },
    { BYTES ("\"\xed\xbf\xbf\""), 1 },
    { BYTES ("\"\xf0\x8f\xbf\xbf\""), 1 },
    { BYTES ("\"\xf0\x90\x80\""), 1 },
    { BYTES ("\"\xf0\x90\x80\x28\""), 1 },
    { BYTES ("\"\xf4\x90\x80\x80\""), 1 },
    { BYTES ("\"\xf5\x80\x80\x80\""), 1 },
    { BYTES ("\"\xf8\x88\x80\x80\x80\""), 1 },
    { BYTES ("\"\xff\""), 1 },
    { BYTES ("\"\xc3\xa4\xc3\xa4\xff\""), 5 },
    { BYTES ("\xc3\xa4"), 0 },
    /* arrays */
    { BYTES ("["), 1 },
    { BYTES ("]"), 0 },
    { BYTES ("[1"), 2 },
    { BYTES ("[1,"), 3 },
    { BYTES ("[1,]"), 2 },
    { BYTES ("[1 , ]"), 3 },
    { BYTES ("[,1]"), 1 },
    { BYTES ("[,]"), 1 },
    { BYTES ("[1,,2]"), 3 },
    { BYTES ("[1 2]"), 3 },
    { BYTES ("[1:2]"), 2 },
    { BYTES ("[\"a\":1]"), 4 },
    { BYTES ("[1}"), 2 },
    { BYTES ("[}"), 1 },
    { BYTES ("[1]]"), 3 },
    { BYTES ("[1],"), 3 },
    { BYTES ("[]x"), 2 },
    { BYTES ("[] []"), 3 },
    { BYTES ("[\f]"), 1 },
    { BYTES ("[\v]"), 1 },
    { BYTES ("[\xc2\xa0]"), 1 },
    { BYTES ("[\xe2\x81\xa0]"), 1 },
    { BYTES ("[*]"), 1 },
    { BYTES ("[<null>]"), 1 },
    /* objects */
    { BYTES ("{"), 1 },
    { BYTES ("}"), 0 },
    { BYTES ("{]"), 1 },
    { BYTES ("{\"a\""), 4 },
    { BYTES ("{\"a\"}"), 4 },
    { BYTES ("{\"a\":"), 5 },
    { BYTES ("{\"a\":}"), 5 },
    { BYTES ("{\"a\" 1}"), 5 },
    { BYTES ("{\"a\",1}"), 4 },
    { BYTES ("{\"a\"::1}"), 5 },
    { BYTES ("{\"a\":1"), 6 },
    { BYTES ("{\"a\":1,"), 7 },
    { BYTES ("{\"a\":1,}"), 6 },
    { BYTES ("{\"a\":1,,}"), 7 },
    { BYTES ("{,}"), 1 },
    { BYTES ("{:1}"), 1 },
    { BYTES ("{a:1}"), 1 },
    { BYTES ("{'a':1}"), 1 },
    { BYTES ("{1:1}"), 1 },
    { BYTES ("{null:1}"), 1 },
    { BYTES ("{[]:1}"), 1 },
    { BYTES ("{\"a\":1 \"b\":2}"), 7 },
    { BYTES ("{\"a\":1]"), 6 },
    { BYTES ("{\"a\":1}}"), 7 },
    { BYTES ("{\"a\":[}]"), 6 },
    { BYTES ("{\"a\":{]}"), 6 },
    { BYTES ("{\"a\":[{]}"), 7 },
    /* comments */
    { BYTES ("/**/1"), 0 },
    { BYTES ("1/**/"), 1 },
    { BYTES ("1//"), 1 },
    { BYTES ("1 # one"), 2 },
    { BYTES ("{\"a\":/**/1}"), 5 },
    { BYTES ("{/**/\"a\":1}"), 1 },
    { BYTES ("{\"a\"/**/:1}"), 4 },
    { BYTES ("[1,//\n2]"), 3 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *copy = copy_bytes (cases[i].text, cases[i].length);
      LampJsonProblem problem = { 0 };
      LampJson value = { .type = LAMP_JSON_NULL };

      g_assert_false (
        lamp_json_check (copy, cases[i].length, LAMP_JSON_MAX_DEPTH, &value, &problem));
      g_assert_cmpint (value.type, ==, LAMP_JSON_NONE);
      if (problem.offset != cases[i].offset)
        g_test_message ("case %" G_GSIZE_FORMAT ": %s", i, problem.rule);
      g_assert_cmpuint (problem.offset, ==, cases[i].offset);
      g_assert_nonnull (problem.rule);
    }
}

static void
test_names_the_rule (void)
{
  static const struct
  {
    const char *text;
    const char *rule;
  } cases[] = {
    { "", "the text ends too early" },
    { "[1", "the text ends too early" },
    { "[1,]", "a comma before the closing bracket is not allowed" },
    { "{\"a\":1,}", "a comma before the closing bracket is not allowed" },
    { "[1 2]", "a comma or a closing bracket is missing" },
    { "{\"a\":1 2}", "a comma or a closing brace is missing" },
    { "{\"a\" 1}", "a colon is missing after the name of a member" },
    { "{1:1}", "a member needs a name between double quotes" },
    { "['a']", "a string stands between double quotes, not single ones" },
    { "[/*", "a comment is not allowed" },
    { "[NaN]", "NaN is not allowed" },
    { "[Infinity]", "Infinity is not allowed" },
    { "\xef\xbb\xbf{}", "a byte order mark is not allowed" },
    { "012", "a number may not begin with a needless zero" },
    { "1.", "the text ends too early" },
    { "[1.]", "a digit is missing" },
    { "\"\n\"", "a control character in a string must be escaped" },
    { "\"\\x\"", "after a backslash only one of \"\\/bfnrtu may come" },
    { "\"\\u12\"", "\\u needs four hexadecimal digits" },
    { "\"\xff\"", "the text is not valid UTF-8" },
    { "{} {}", "nothing may follow the value" },
    { "[[[[[[]]]]]]", "objects and arrays are nested too deeply" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      LampJsonProblem problem;

      g_assert_false (
        lamp_json_check (cases[i].text, strlen (cases[i].text), SOME_DEPTH, NULL, &problem));
      g_assert_cmpstr (problem.rule, ==, cases[i].rule);
    }
}

static char *
nested (const char *opening,
        const char *closing,
        guint       depth)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < depth; i++)
    g_string_append (text, opening);
  for (guint i = 0; i < depth; i++)
    g_string_append (text, closing);

  return g_string_free (text, FALSE);
}

static void
assert_deepest (const char *opening,
                const char *closing,
                guint       depth,
                guint       max_depth,
                gboolean    expected)
{
  g_autofree char *text = nested (opening, closing, depth);

  g_assert_true (is_valid (text, strlen (text), max_depth) == expected);
}

static void
test_limits_depth (void)
{
  const guint depths[] = { 1, 2, 7, 8, 9, 63, 64, 65, 1024 };

  for (gsize i = 0; i < G_N_ELEMENTS (depths); i++)
    {
      assert_deepest ("[", "]", depths[i], depths[i], TRUE);
      assert_deepest ("[", "]", depths[i] + 1, depths[i], FALSE);
      assert_deepest ("{\"a\":[", "]}", depths[i], 2 * depths[i], 2 * depths[i] <= 1024);
      assert_deepest ("{\"a\":[", "]}", depths[i], 2 * depths[i] - 1, FALSE);
    }

  assert_deepest ("[", "]", 1025, G_MAXUINT, FALSE);
  assert_deepest ("[", "]", 100000, LAMP_JSON_MAX_DEPTH, FALSE);
  g_assert_true (is_valid (BYTES ("1"), 0));
  g_assert_false (is_valid (BYTES ("[]"), 0));
  g_assert_true (is_valid (BYTES ("[[],[],{\"a\":{}}]"), 3));
}

static void
test_tells_where_it_is_too_deep (void)
{
  LampJsonProblem problem;

  g_assert_false (lamp_json_check (BYTES ("[1,[2,{}]]"), 2, NULL, &problem));
  g_assert_cmpuint (problem.offset, ==, 6);
}

static void
test_reports_no_problem_when_valid (void)
{
  LampJsonProblem problem = { 7, "old" };

  g_assert_true (lamp_json_check (BYTES ("{}"), 1, NULL, &problem));
  g_assert_cmpuint (problem.offset, ==, 0);
  g_assert_null (problem.rule);
}

static void
test_takes_a_null_text_of_no_length (void)
{
  g_assert_false (lamp_json_check (NULL, 0, 1, NULL, NULL));
}

static void
test_finds_members (void)
{
  const LampJson object = parse ("{\"a\":1, \"b\" : {\"c\":2} ,\"d\":[3,{\"e\":4}],\"f\":\"}\"}");
  LampJson value;

  g_assert_true (lamp_json_find (&object, "a", &value));
  assert_value (&value, LAMP_JSON_NUMBER, "1");
  g_assert_true (lamp_json_find (&object, "b", &value));
  assert_value (&value, LAMP_JSON_OBJECT, "{\"c\":2}");
  g_assert_true (lamp_json_find (&object, "d", &value));
  assert_value (&value, LAMP_JSON_ARRAY, "[3,{\"e\":4}]");
  g_assert_true (lamp_json_find (&object, "f", &value));
  assert_value (&value, LAMP_JSON_STRING, "\"}\"");
  g_assert_true (lamp_json_find (&object, "f", NULL));
}

static void
test_finds_only_own_members (void)
{
  const LampJson object = parse ("{\"b\":{\"c\":2},\"d\":[\"e\"]}");
  LampJson value = { .type = LAMP_JSON_NULL };

  g_assert_false (lamp_json_find (&object, "c", &value));
  g_assert_cmpint (value.type, ==, LAMP_JSON_NONE);
  g_assert_false (lamp_json_find (&object, "e", NULL));
  g_assert_false (lamp_json_find (&object, "", NULL));
  g_assert_false (lamp_json_find (&object, "bb", NULL));
}

static void
test_finds_nothing_in_other_values (void)
{
  static const char *const texts[] = { "[\"a\",\"b\"]", "\"a\"", "1", "null" };
  const LampJson none = { .type = LAMP_JSON_NONE, .text = "" };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      const LampJson value = parse (texts[i]);

      g_assert_false (lamp_json_find (&value, "a", NULL));
    }

  g_assert_false (lamp_json_find (&none, "a", NULL));
}

static void
test_finds_the_last_of_a_name (void)
{
  const LampJson object = parse ("{\"a\":1,\"a\":2,\"\\u0061\":3,\"b\":4}");
  LampJson value;

  g_assert_true (lamp_json_find (&object, "a", &value));
  assert_value (&value, LAMP_JSON_NUMBER, "3");
}

static void
test_finds_escaped_names (void)
{
  const LampJson object = parse ("{\"\\u0065vent\\u005fid\":1,\"a\\\"b\":2,\"\xc3\xa4\":3}");
  LampJson value;

  g_assert_true (lamp_json_find (&object, "event_id", &value));
  assert_value (&value, LAMP_JSON_NUMBER, "1");
  g_assert_true (lamp_json_find (&object, "a\"b", &value));
  assert_value (&value, LAMP_JSON_NUMBER, "2");
  g_assert_true (lamp_json_find (&object, "ä", &value));
  assert_value (&value, LAMP_JSON_NUMBER, "3");
}

static void
test_finds_into_itself (void)
{
  LampJson value = parse ("{\"a\":{\"b\":\"c\"}}");

  g_assert_true (lamp_json_find (&value, "a", &value));
  g_assert_true (lamp_json_find (&value, "b", &value));
  assert_value (&value, LAMP_JSON_STRING, "\"c\"");
}

static void
test_walks_arrays (void)
{
  static const char *const expected[] = { "1",          "\"a,]\\\"\"", "[2,[3]]",
                                          "{\"b\":[]}", "null",        "-1e5" };
  const LampJson array = parse (" [ 1 ,\"a,]\\\"\",[2,[3]] ,\n{\"b\":[]},null , -1e5 ] ");
  LampJsonIter iter;
  LampJson name;
  LampJson value;

  lamp_json_iter_init (&iter, &array);
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_assert_true (lamp_json_iter_next (&iter, &name, &value));
      g_assert_cmpint (name.type, ==, LAMP_JSON_NONE);
      g_assert_cmpmem (value.text, value.length, expected[i], strlen (expected[i]));
    }
  g_assert_false (lamp_json_iter_next (&iter, NULL, NULL));
  g_assert_false (lamp_json_iter_next (&iter, NULL, NULL));
}

static void
test_walks_objects (void)
{
  const LampJson object = parse ("{ \"a:\" : 1 , \"b\\\"\":{\"c\":2},\"b\\\"\":false}");
  LampJsonIter iter;
  LampJson name;
  LampJson value;

  lamp_json_iter_init (&iter, &object);
  g_assert_true (lamp_json_iter_next (&iter, &name, &value));
  assert_value (&name, LAMP_JSON_STRING, "\"a:\"");
  assert_value (&value, LAMP_JSON_NUMBER, "1");
  g_assert_true (lamp_json_iter_next (&iter, &name, &value));
  assert_value (&name, LAMP_JSON_STRING, "\"b\\\"\"");
  assert_value (&value, LAMP_JSON_OBJECT, "{\"c\":2}");
  g_assert_true (lamp_json_iter_next (&iter, NULL, &value));
  assert_value (&value, LAMP_JSON_FALSE, "false");
  g_assert_false (lamp_json_iter_next (&iter, &name, &value));
}

/* Strings are passed a word at a time: each kind of piece at each place of a word. */
static void
test_walks_past_strings (void)
{
  static const char *const pieces[] = { "x", "\\\"", "\\\\", "\\u0022", "ü", "]", "," };

  for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++)
    for (gsize before = 0; before < 10; before++)
      for (gsize after = 0; after < 10; after++)
        {
          g_autofree char *head = g_strnfill (before, 'a');
          g_autofree char *tail = g_strnfill (after, 'b');
          g_autofree char *string = g_strdup_printf ("\"%s%s%s\"", head, pieces[i], tail);
          g_autofree char *text = g_strdup_printf ("[[%s],%s,%s]", string, string, string);
          const LampJson array = parse (text);
          LampJsonIter iter;
          LampJson value;

          lamp_json_iter_init (&iter, &array);
          g_assert_true (lamp_json_iter_next (&iter, NULL, &value));
          g_assert_cmpuint (value.length, ==, strlen (string) + 2);
          g_assert_true (lamp_json_iter_next (&iter, NULL, &value));
          g_assert_cmpmem (value.text, value.length, string, strlen (string));
          g_assert_true (lamp_json_iter_next (&iter, NULL, &value));
          g_assert_cmpmem (value.text, value.length, string, strlen (string));
          g_assert_false (lamp_json_iter_next (&iter, NULL, NULL));
        }
}

static void
test_walks_nothing_in_other_values (void)
{
  static const char *const texts[] = { "[]", "{ }", "\"ab\"", "12", "true" };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      const LampJson value = parse (texts[i]);
      LampJsonIter iter;

      lamp_json_iter_init (&iter, &value);
      g_assert_false (lamp_json_iter_next (&iter, NULL, NULL));
    }
}

static void
test_decodes_strings (void)
{
  static const struct
  {
    const char *json;
    const char *text;
  } cases[] = {
    { "\"\"", "" },
    { "\"plain\"", "plain" },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
    { "\"\\u0041\\u00e4\\u00E4\\u20ac\"", "Aää€" },
    { "\"ä€😀\"", "ä€😀" },
    { "\"\\uD83D\\uDE00\"", "😀" },
    { "\"\\ud83d\\ude00!\"", "😀!" },
    { "\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf" },
    { "\"\\uD83D\"", "\uFFFD" },
    { "\"\\uD83D\\n\"", "\uFFFD\n" },
    { "\"\\uD83Dx\"", "\uFFFDx" },
    { "\"\\uD83D\\u0041\"", "\uFFFDA" },
    { "\"\\uD83D\\uD83D\\uDE00\"", "\uFFFD😀" },
    { "\"\\uDE00\\uD83D\"", "\uFFFD\uFFFD" },
    { "\"a\\u0000b\"", "a\uFFFDb" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const LampJson value = parse (cases[i].json);
      g_autofree char *text = lamp_json_dup_string (&value);
      g_autofree char *longer = g_strconcat (cases[i].text, "x", NULL);

      g_assert_cmpstr (text, ==, cases[i].text);
      g_assert_true (lamp_json_string_equals (&value, text));
      g_assert_false (lamp_json_string_equals (&value, longer));
      g_assert_true (*text == '\0' || !lamp_json_string_equals (&value, ""));
    }
}

static void
test_decodes_no_other_value (void)
{
  const LampJson number = parse ("12");

  g_assert_null (lamp_json_dup_string (&number));
  g_assert_false (lamp_json_string_equals (&number, "12"));
  g_assert_false (lamp_json_string_equals (&number, ""));
}

static void
test_reads_integers (void)
{
  static const struct
  {
    const char *text;
    gint64 value;
  } cases[] = {
    { "0", 0 },
    { "-0", 0 },
    { "7", 7 },
    { "-7", -7 },
    { "9007199254740992", G_GINT64_CONSTANT (9007199254740992) },
    { "9223372036854775807", G_MAXINT64 },
    { "-9223372036854775808", G_MININT64 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const LampJson number = parse (cases[i].text);
      gint64 value = 1;

      g_assert_true (lamp_json_get_int (&number, &value));
      g_assert_cmpint (value, ==, cases[i].value);
    }
}

static void
test_refuses_other_numbers (void)
{
  static const char *const texts[] = {
    "1.0",   "1e3",  "0.5",  "1E0", "9223372036854775808",  "-9223372036854775809",
    "\"1\"", "true", "null", "[1]", "99999999999999999999", "18446744073709551616",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      const LampJson number = parse (texts[i]);
      gint64 value = 42;

      g_assert_false (lamp_json_get_int (&number, &value));
      g_assert_cmpint (value, ==, 42);
    }
}

static void
test_writes_strings (void)
{
  g_autoptr (GString) json = g_string_new (NULL);
  g_autofree char *back = NULL;
  LampJson value;

  lamp_json_append_string (json, "a\"b\\c/\b\f\n\r\t\x01\x1f\x7fä😀");
  g_assert_cmpstr (json->str, ==, "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7fä😀\"");

  value = parse (json->str);
  back = lamp_json_dup_string (&value);
  g_assert_cmpstr (back, ==, "a\"b\\c/\b\f\n\r\t\x01\x1f\x7fä😀");
}

static void
test_writes_one_line (void)
{
  static const struct
  {
    const char *json;
    const char *line;
  } cases[] = {
    { "{}", "{}" },
    { "{\n}", "{ }" },
    { "{\r\n  \"a\": 1,\r\n\r\n  \"b\": 2\n\r}", "{   \"a\": 1,    \"b\": 2  }" },
    { "[1,\r2]", "[1, 2]" },
    { "[\"a\\r\\n\",\n\t1.50e+1]", "[\"a\\r\\n\", \t1.50e+1]" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GString) line = g_string_new ("x");
      const LampJson value = parse (cases[i].json);

      lamp_json_append_line (line, &value);
      g_assert_cmpstr (line->str + 1, ==, cases[i].line);
      parse (line->str + 1);
    }
}

static void
walk (const LampJson *value,
      guint           depth)
{
  g_autofree char *text = lamp_json_dup_string (value);
  LampJsonIter iter;
  LampJson name;
  LampJson child;

  g_assert_cmpuint (depth, <=, LAMP_JSON_MAX_DEPTH);
  g_assert_true (text == NULL || g_utf8_validate (text, -1, NULL));

  lamp_json_iter_init (&iter, value);
  while (lamp_json_iter_next (&iter, &name, &child))
    {
      g_assert_true (lamp_json_check (child.text, child.length, LAMP_JSON_MAX_DEPTH, NULL, NULL));
      walk (&child, depth + 1);
    }
}

/* json-glib takes more than the grammar, and it is never given what we refuse; what we take
 * it must take too. */
static void
check_mutation (const char *text,
                gsize       length,
                guint      *n_valid)
{
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (GError) error = NULL;
  LampJsonProblem problem;
  LampJson value;

  if (!lamp_json_check (text, length, LAMP_JSON_MAX_DEPTH, &value, &problem))
    {
      g_assert_cmpuint (problem.offset, <=, length);
      return;
    }

  (*n_valid)++;
  walk (&value, 0);

  if (*n_valid % 16 != 0 || memchr (text, '\\', length) != NULL)
    return;

  parser = json_parser_new ();
  json_parser_load_from_data (parser, text, length, &error);
  g_assert_no_error (error);
}

static void
mutate (GRand *rand,
        char  *text,
        gsize *length)
{
  static const char alphabet[] = "{}[]\",:\\u0123456789eE+-.truefalsn \n\t/'\x80\xc3\xa4\xff\x1f";
  const guint n = g_rand_int_range (rand, 1, 4);

  for (guint i = 0; i<n && * length> 1; i++)
    {
      gsize at = g_rand_int_range (rand, 0, *length);

      switch (g_rand_int_range (rand, 0, 3))
        {
        case 0:
          text[at] = alphabet[g_rand_int_range (rand, 0, sizeof alphabet - 1)];
          break;

        case 1:
          memmove (text + at, text + at + 1, *length - at - 1);
          (*length)--;
          break;

        default:
          text[at] = text[g_rand_int_range (rand, 0, *length)];
          break;
        }
    }
}

static void
test_survives_mutations (void)
{
  static const char *const seeds[] = {
    "{\"event_id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"payload\":{\"a\":[1,2.5e-3,true,null]}}",
    "[[],{},\"\\u00e4\\uD83D\\uDE00\\n\",-0,1E+2,\"ä€😀\",false]",
    "{\"accepted\":[\"A\"],\"rejected\":[{\"event_id\":\"B\",\"error\":\"no\"}]}",
    "[1,2,3,4,5,6,7,8,9,10]",
    "\"a somewhat longer string, ASCII and ümläüts\"",
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (SEED);
  guint n_valid = 0;

  for (guint i = 0; i < MUTATIONS; i++)
    {
      const char *seed = seeds[i % G_N_ELEMENTS (seeds)];
      gsize length = strlen (seed);
      g_autofree char *text = copy_bytes (seed, length);
      g_autofree char *exact = NULL;

      mutate (rand, text, &length);
      exact = copy_bytes (text, length);
      check_mutation (exact, length, &n_valid);
    }

  g_assert_cmpuint (n_valid, >, MUTATIONS / 100);
}

/* Cut off anywhere, an object or array is never valid. */
static void
test_refuses_every_prefix (void)
{
  static const char text[] = "{\"a\":[1.5e3,true,false,null,\"b\\n\\u00e4ä€😀\"],\"c\":{}}";

  for (gsize length = 0; length < strlen (text); length++)
    g_assert_false (is_valid (text, length, SOME_DEPTH));

  g_assert_true (is_valid (text, strlen (text), SOME_DEPTH));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/json/accepts", test_accepts);
  g_test_add_func ("/json/refuses", test_refuses);
  g_test_add_func ("/json/names-the-rule", test_names_the_rule);
  g_test_add_func ("/json/limits-depth", test_limits_depth);
  g_test_add_func ("/json/tells-where-it-is-too-deep", test_tells_where_it_is_too_deep);
  g_test_add_func ("/json/reports-no-problem-when-valid", test_reports_no_problem_when_valid);
  g_test_add_func ("/json/takes-a-null-text-of-no-length", test_takes_a_null_text_of_no_length);
  g_test_add_func ("/json/finds-members", test_finds_members);
  g_test_add_func ("/json/finds-only-own-members", test_finds_only_own_members);
  g_test_add_func ("/json/finds-nothing-in-other-values", test_finds_nothing_in_other_values);
  g_test_add_func ("/json/finds-the-last-of-a-name", test_finds_the_last_of_a_name);
  g_test_add_func ("/json/finds-escaped-names", test_finds_escaped_names);
  g_test_add_func ("/json/finds-into-itself", test_finds_into_itself);
  g_test_add_func ("/json/walks-arrays", test_walks_arrays);
  g_test_add_func ("/json/walks-objects", test_walks_objects);
  g_test_add_func ("/json/walks-past-strings", test_walks_past_strings);
  g_test_add_func ("/json/walks-nothing-in-other-values", test_walks_nothing_in_other_values);
  g_test_add_func ("/json/decodes-strings", test_decodes_strings);
  g_test_add_func ("/json/decodes-no-other-value", test_decodes_no_other_value);
  g_test_add_func ("/json/reads-integers", test_reads_integers);
  g_test_add_func ("/json/refuses-other-numbers", test_refuses_other_numbers);
  g_test_add_func ("/json/writes-strings", test_writes_strings);
  g_test_add_func ("/json/writes-one-line", test_writes_one_line);
  g_test_add_func ("/json/survives-mutations", test_survives_mutations);
  g_test_add_func ("/json/refuses-every-prefix", test_refuses_every_prefix);

  return g_test_run ();
}
