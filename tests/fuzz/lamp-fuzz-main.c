/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-fuzz.h"

#include <stdio.h>

/* For compilers without libFuzzer: gives the target each file of a folder, once.
 *
 *   fuzz-answer FOLDER */

static void
run_file (const char *folder,
          const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *text = NULL;
  g_autofree guint8 *data = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  g_file_get_contents (path, &text, &size, &error);
  g_assert_no_error (error);

  /* Not a byte more, so that a sanitizer sees who reads too far. */
  data = g_memdup2 (text, size);
  LLVMFuzzerTestOneInput (data, size);
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr (GDir) folder = NULL;
  g_autoptr (GError) error = NULL;
  const char *name;
  guint n_files = 0;

  if (argc != 2)
    {
      fprintf (stderr, "Usage: %s FOLDER\n", argv[0]);
      return 2;
    }

  LLVMFuzzerInitialize (&argc, &argv);
  folder = g_dir_open (argv[1], 0, &error);
  g_assert_no_error (error);
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      run_file (argv[1], name);
      printf ("ok %u %s\n", ++n_files, name);
    }
  printf ("1..%u\n", n_files);
  g_assert_cmpuint (n_files, >, 0);

  return 0;
}
