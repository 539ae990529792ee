/* A user's program, built against an installed copy of libthrum-curl: a request that needs no network. */
#include <stdio.h>
#include <thrum.h>
#include <thrum_curl.h>

int main(void)
{
    CURLcode code = CURLE_OK;
    thrum_curl *client;
    if (thrum_curl_new(&(thrum_curl_options){.max_connections = 2}, &client) < 0)
        return 1;
    CURL *easy = curl_easy_init();
    if (!easy || curl_easy_setopt(easy, CURLOPT_URL, "http://127.0.0.1:1/") != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK)
        return 1;
    int rc = thrum_curl_perform(client, easy, &code, thrum_in(10));
    curl_easy_cleanup(easy);
    thrum_curl_free(client);
    printf("%s\n", curl_easy_strerror(code));
    return rc == 0 && code != CURLE_OK ? 0 : 1;
}
