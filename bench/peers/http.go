// The peer of examples/http_server.c in Go, over net alone: a goroutine for each connection, one fixed
// answer to each request, a request being all that ends by an empty line.
//
//	http_go PORT
package main

import (
	"bytes"
	"log"
	"net"
	"os"
)

var answer = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" +
	"Content-Length: 14\r\n\r\nHello, world!\n")
var end = []byte("\r\n\r\n")

func serve(peer net.Conn) {
	defer peer.Close()
	text := make([]byte, 4096)
	used := 0
	for used < len(text) {
		got, err := peer.Read(text[used:])
		if err != nil {
			return
		}
		used += got
		begin := 0
		for {
			stop := bytes.Index(text[begin:used], end)
			if stop < 0 {
				break
			}
			if _, err := peer.Write(answer); err != nil {
				return
			}
			begin += stop + len(end)
		}
		used = copy(text, text[begin:used])
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		peer, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(peer)
	}
}
