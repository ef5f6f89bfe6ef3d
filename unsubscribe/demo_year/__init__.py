"""A believable year of a sender, made up: mailings, their readers, the robots that open their mails, and who leaves.

For looking at pages that are full, and for measuring them. The interactions are judged by the same code as real ones.
"""
