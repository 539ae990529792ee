"""A lock keeps an account right."""
import threading


class Account:
    def __init__(self, balance):
        self.balance = balance
        self.lock = threading.Lock()

    def withdraw(self, amount):
        with self.lock:
            if self.balance >= amount:
                self.balance -= amount
                return True
            return False

    def deposit(self, amount):
        with self.lock:
            self.balance += amount


account = Account(1000)


def transact():
    for _ in range(100):
        account.deposit(10)
        account.withdraw(10)


threads = [threading.Thread(target=transact) for _ in range(10)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert account.balance == 1000
