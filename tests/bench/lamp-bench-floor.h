/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-test-util.h"

G_BEGIN_DECLS

/* What the disk and SQLite do without us: the floors of section 14 of the specification. */

int         lamp_bench_open_file       (const char *folder);

/**
 * lamp_bench_append_to_file:
 * @times: (element-type double): gets how long each commit took
 *
 * Returns: rows of 431 bytes a second, with an fdatasync() after every @n_rows
 */
double      lamp_bench_append_to_file  (int         fd,
                                        guint       n_commits,
                                        guint       n_rows,
                                        GArray     *times);

/* A file with the shared table alone. */
LampTestDb *lamp_bench_open_plain      (const char *folder);

double      lamp_bench_append_to_plain (LampTestDb *db,
                                        guint       n_commits,
                                        guint       n_rows);

G_END_DECLS
