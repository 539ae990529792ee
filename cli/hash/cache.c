/* The cache: a table of SQLite, keyed by algorithm, device and inode; a row counts only if size,
 * modification and change time are still those of the file.
 *
 * A program can set a file's modification time back, but not its change time. One gap is left: a file
 * that is written to twice within one tick of the clock has the same times after both. So what was
 * changed less than two seconds ago is not noted; the next run will read it again.
 *
 * All goes through one connection, behind a lock, in transactions of some thousand rows. A cache that
 * breaks down in the middle of a run is no reason to fail the run: it is left alone from then on,
 * and its error told at the end.
 */
#include "cache.h"

#include "trouble.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS_IN_TRANSACTION = 4096, SETTLED_SECONDS = 2, BUSY_MILLISECONDS = 10000 };

struct cache {
    const struct digest_kind *kind;
    thrum_lock lock; /* over what follows */
    sqlite3 *database;
    sqlite3_stmt *get, *put;
    int pending; /* rows in the open transaction; 0 if there is none */
    int broken;  /* SQLite's code, once something has failed */
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

int cache_open(const char *path, const struct digest_kind *kind, struct cache **ret_cache,
               thrum_error *ret_error)
{
    struct cache *cache = malloc(sizeof *cache);
    if (!cache)
        return trouble(ret_error, -ENOMEM, "out of memory");
    *cache = (struct cache){.kind = kind};
    int code =
        sqlite3_open_v2(path, &cache->database,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(cache->database, BUSY_MILLISECONDS);
    if (code == SQLITE_OK)
        code = sqlite3_exec(cache->database, schema, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(cache->database, get_sql, -1, &cache->get, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(cache->database, put_sql, -1, &cache->put, NULL);
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

static void bind_key(const struct cache *cache, sqlite3_stmt *statement, const struct stat *about)
{
    sqlite3_bind_text(statement, 1, cache->kind->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)about->st_dev);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)about->st_ino);
    sqlite3_bind_int64(statement, 4, about->st_size);
    sqlite3_bind_int64(statement, 5, nanoseconds(&about->st_mtim));
    sqlite3_bind_int64(statement, 6, nanoseconds(&about->st_ctim));
}

bool cache_get(struct cache *cache, const struct stat *about, unsigned char ret_digest[DIGEST_MOST])
{
    bool found = false;
    thrum_with (&cache->lock) {
        if (cache->broken)
            break;
        bind_key(cache, cache->get, about);
        int code = sqlite3_step(cache->get);
        if (code == SQLITE_ROW &&
            (size_t)sqlite3_column_bytes(cache->get, 0) == cache->kind->size) {
            memcpy(ret_digest, sqlite3_column_blob(cache->get, 0), cache->kind->size);
            found = true;
        } else if (code != SQLITE_DONE && code != SQLITE_ROW) {
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

static int put_row(struct cache *cache, const struct stat *about, const unsigned char *digest)
{
    int code = cache->pending == 0 ? run_sql(cache, "BEGIN IMMEDIATE") : SQLITE_OK;
    if (code != SQLITE_OK)
        return code;
    bind_key(cache, cache->put, about);
    sqlite3_bind_blob(cache->put, 7, digest, (int)cache->kind->size, SQLITE_STATIC);
    code = sqlite3_step(cache->put);
    sqlite3_reset(cache->put);
    if (code != SQLITE_DONE)
        return code;
    if (++cache->pending < ROWS_IN_TRANSACTION)
        return SQLITE_OK;
    cache->pending = 0;
    return run_sql(cache, "COMMIT");
}

void cache_put(struct cache *cache, const struct stat *about, const unsigned char *digest)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t settled = nanoseconds(&now) - (int64_t)SETTLED_SECONDS * 1000000000;
    if (nanoseconds(&about->st_mtim) > settled || nanoseconds(&about->st_ctim) > settled)
        return;
    thrum_with (&cache->lock)
        if (!cache->broken)
            cache->broken = put_row(cache, about, digest);
}

int cache_close(struct cache *cache, thrum_error *ret_error)
{
    if (!cache)
        return 0;
    if (!cache->broken && cache->pending > 0)
        cache->broken = run_sql(cache, "COMMIT");
    int code = cache->broken;
    sqlite3_finalize(cache->get);
    sqlite3_finalize(cache->put);
    sqlite3_close(cache->database);
    free(cache);
    return code ? trouble(ret_error, -EIO, "--cache: %s", sqlite3_errstr(code)) : 0;
}
