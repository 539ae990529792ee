/* The cache: a table of SQLite. The key is algorithm, device and inode. A row is valid only if
 * size, modification time and change time are still those of the file.
 *
 * A program can set a file's modification time back, but not its change time. One gap is left: a
 * file that is written twice within one tick of the clock has the same times after both writes. So
 * a file that changed less than two seconds ago is not stored; the next run reads it again.
 *
 * Several processes share the file. It is in WAL mode: readers do not wait, and writers wait for
 * each other. Rows are collected in memory and written in one short transaction, when there are
 * enough or the oldest is a fraction of a second old. So no process holds the lock while it reads
 * files, and a killed process loses the work of that fraction. If another writer has the lock, the
 * rows wait for the next time. Only the last write, at the end, waits long.
 *
 * All goes through one connection, behind a lock. If the cache fails in the middle of a run, the
 * run continues without it, and the error is reported at the end.
 */
#include "cache.h"

#include "trouble.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS_MOST = 512, SETTLED_SECONDS = 2, BUSY_BRIEFLY = 50, BUSY_LONG = 30000 };

static const double oldest_seconds = 0.2, open_pause = 0.02;

/* A row to be written. It outlives the digest_kind that it came with. */
struct row {
    char algorithm[sizeof((struct digest_kind){0}.name)];
    struct stat about;
    size_t size;
    unsigned char digest[DIGEST_MOST];
};

struct cache {
    thrum_lock lock; /* over what follows */
    sqlite3 *database;
    sqlite3_stmt *get, *put;
    int broken;                 /* SQLite's code, once something has failed */
    thrum_deadline write_after; /* when the rows are to be written at the latest */
    thrum_event noted;
    size_t count;
    struct row rows[ROWS_MOST]; /* not yet written */
};

static const char schema[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL;"
    "CREATE TABLE IF NOT EXISTS digests ("
    " algorithm TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL,"
    " size INTEGER NOT NULL, modified INTEGER NOT NULL, changed INTEGER NOT NULL,"
    " digest BLOB NOT NULL, PRIMARY KEY (algorithm, device, inode)) WITHOUT ROWID;";

static const char get_sql[] = "SELECT digest FROM digests WHERE algorithm = ?1 AND device = ?2 AND "
                              "inode = ?3 AND size = ?4 AND modified = ?5 AND changed = ?6";
static const char put_sql[] = "INSERT OR REPLACE INTO digests VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

static int64_t nanoseconds(const struct timespec *moment)
{
    return (int64_t)moment->tv_sec * 1000000000 + moment->tv_nsec;
}

/* Prepares the database. While another process does so it is busy, and SQLite does not wait for
 * that in every case. */
static int prepare(struct cache *cache)
{
    int code = sqlite3_busy_timeout(cache->database, BUSY_LONG);
    thrum_deadline deadline = thrum_in(BUSY_LONG * 1e-3);
    if (code == SQLITE_OK)
        while ((code = sqlite3_exec(cache->database, schema, NULL, NULL, NULL)) == SQLITE_BUSY &&
               thrum_now() < deadline.ns && thrum_sleep(thrum_in(open_pause)) == 0)
            continue;
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(cache->database, get_sql, -1, &cache->get, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(cache->database, put_sql, -1, &cache->put, NULL);
    return code;
}

int cache_open(const char *path, struct cache **ret_cache, thrum_error *ret_error)
{
    struct cache *cache = malloc(sizeof *cache);
    if (!cache)
        return trouble(ret_error, -ENOMEM, "out of memory");
    memset(cache, 0, offsetof(struct cache, rows));
    int code =
        sqlite3_open_v2(path, &cache->database,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = prepare(cache);
    if (code == SQLITE_OK) {
        *ret_cache = cache;
        return 0;
    }
    trouble(ret_error, -EIO, "--cache: cannot use %.150s: %.60s", path,
            cache->database ? sqlite3_errmsg(cache->database) : sqlite3_errstr(code));
    sqlite3_finalize(cache->get);
    sqlite3_finalize(cache->put);
    sqlite3_close(cache->database);
    free(cache);
    return -EIO;
}

static void bind_key(sqlite3_stmt *statement, const char *algorithm, const struct stat *about)
{
    sqlite3_bind_text(statement, 1, algorithm, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)about->st_dev);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)about->st_ino);
    sqlite3_bind_int64(statement, 4, about->st_size);
    sqlite3_bind_int64(statement, 5, nanoseconds(&about->st_mtim));
    sqlite3_bind_int64(statement, 6, nanoseconds(&about->st_ctim));
}

bool cache_get(struct cache *cache, const struct digest_kind *kind, const struct stat *about,
               unsigned char ret_digest[DIGEST_MOST])
{
    bool found = false;
    thrum_with (&cache->lock) {
        if (cache->broken)
            break;
        bind_key(cache->get, kind->name, about);
        int code = sqlite3_step(cache->get);
        if (code == SQLITE_ROW && (size_t)sqlite3_column_bytes(cache->get, 0) == kind->size) {
            memcpy(ret_digest, sqlite3_column_blob(cache->get, 0), kind->size);
            found = true;
        } else if (code != SQLITE_DONE && code != SQLITE_ROW && code != SQLITE_BUSY) {
            cache->broken = code;
        }
        sqlite3_reset(cache->get);
    }
    return found;
}

static int run_sql(struct cache *cache, const char *sql)
{
    return sqlite3_exec(cache->database, sql, NULL, NULL, NULL);
}

static int put_row(struct cache *cache, const struct row *row)
{
    bind_key(cache->put, row->algorithm, &row->about);
    sqlite3_bind_blob(cache->put, 7, row->digest, (int)row->size, SQLITE_STATIC);
    int code = sqlite3_step(cache->put);
    sqlite3_reset(cache->put);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Writes the rows. Waits up to `patience` milliseconds for other writers. After SQLITE_BUSY the
 * rows are still there. */
static int write_rows(struct cache *cache, int patience)
{
    sqlite3_busy_timeout(cache->database, patience);
    int code = run_sql(cache, "BEGIN IMMEDIATE");
    if (code != SQLITE_OK)
        return code;
    for (size_t i = 0; i < cache->count && code == SQLITE_OK; i++)
        code = put_row(cache, &cache->rows[i]);
    if (code == SQLITE_OK)
        code = run_sql(cache, "COMMIT");
    if (code != SQLITE_OK)
        (void)run_sql(cache, "ROLLBACK"); /* the first error is reported */
    else
        cache->count = 0;
    return code;
}

/* Writes the rows if they are due. */
static void write_due(struct cache *cache)
{
    bool full = cache->count == ROWS_MOST;
    if (cache->broken || cache->count == 0 || (!full && thrum_now() < cache->write_after.ns))
        return;
    int code = write_rows(cache, full ? BUSY_LONG : BUSY_BRIEFLY);
    if (code == SQLITE_BUSY && !full)
        cache->write_after = thrum_in(oldest_seconds);
    else if (code != SQLITE_OK)
        cache->broken = code;
}

void cache_put(struct cache *cache, const struct digest_kind *kind, const struct stat *about,
               const unsigned char *digest)
{
    struct timespec now;
    struct row row = {.about = *about, .size = kind->size};
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t settled = nanoseconds(&now) - (int64_t)SETTLED_SECONDS * 1000000000;
    if (nanoseconds(&about->st_mtim) > settled || nanoseconds(&about->st_ctim) > settled)
        return;
    memcpy(row.algorithm, kind->name, sizeof row.algorithm);
    memcpy(row.digest, digest, kind->size);
    thrum_with (&cache->lock) {
        if (cache->broken)
            break;
        if (cache->count == 0) {
            cache->write_after = thrum_in(oldest_seconds);
            thrum_event_set(&cache->noted);
        }
        cache->rows[cache->count++] = row;
        write_due(cache);
    }
}

void cache_tick(struct cache *cache)
{
    thrum_with (&cache->lock)
        write_due(cache);
}

thrum_deadline cache_due(struct cache *cache)
{
    thrum_deadline due = THRUM_FOREVER;
    thrum_with (&cache->lock) {
        thrum_event_clear(&cache->noted);
        if (cache->count > 0 && !cache->broken)
            due = cache->write_after;
    }
    return due;
}

thrum_event *cache_noted(struct cache *cache)
{
    return &cache->noted;
}

int cache_close(struct cache *cache, thrum_error *ret_error)
{
    if (!cache)
        return 0;
    if (!cache->broken && cache->count > 0)
        cache->broken = write_rows(cache, BUSY_LONG);
    int code = cache->broken;
    sqlite3_finalize(cache->get);
    sqlite3_finalize(cache->put);
    sqlite3_close(cache->database);
    free(cache);
    return code ? trouble(ret_error, -EIO, "--cache: %s", sqlite3_errstr(code)) : 0;
}
